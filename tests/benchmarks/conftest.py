"""Keeps pytest out of this folder: importing these modules needs the peers, and measuring is not testing."""

collect_ignore_glob = ["*"]
