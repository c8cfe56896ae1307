"""What servers are imported from: spreadsheets, CSV, and calls as people have them; pure."""
