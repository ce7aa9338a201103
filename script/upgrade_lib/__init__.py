"""What script/upgrade runs: the checkout's releases, what runs from it, and the steps from one release to the next."""
