"""What the environment of a pipeline says about the run."""

from __future__ import annotations

import pytest

from icesync.bootstrap.caller import is_unreviewed


@pytest.mark.parametrize(
    ("environ", "unreviewed"),
    [
        ({}, False),
        ({"GITHUB_EVENT_NAME": "pull_request"}, True),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, True),
        ({"GITHUB_EVENT_NAME": "push", "GITHUB_HEAD_REF": ""}, False),
        ({"GITHUB_EVENT_NAME": "merge_group"}, False),
        ({"CI_MERGE_REQUEST_IID": "7", "CI_PIPELINE_SOURCE": "merge_request_event"}, True),
        ({"CI_COMMIT_BRANCH": "feature", "CI_DEFAULT_BRANCH": "main"}, True),
        ({"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}, False),
        ({"BITBUCKET_PR_ID": "7"}, True),
        ({"SYSTEM_PULLREQUEST_PULLREQUESTID": "7"}, True),
        ({"CHANGE_ID": "7"}, True),
        ({"BUILDKITE_PULL_REQUEST": "false", "TRAVIS_PULL_REQUEST": "false"}, False),
    ],
)
def test_a_change_that_nobody_may_have_approved(environ: dict[str, str], unreviewed: bool) -> None:
    """The pipeline of a pull request is known on every CI system that names it."""
    assert is_unreviewed(environ) is unreviewed
