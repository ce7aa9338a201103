"""What script/check looks for besides the linter and the type checker."""
