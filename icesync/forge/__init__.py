"""GitHub and GitLab, where a change is reviewed: what icesync posts there, and as whom."""
