"""What script/release runs: the files that name a version, the changelog's section, and what is published with a release."""
