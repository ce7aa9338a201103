"""What script/server and script/web run: the supervisor, the web server and the lock that keeps a second server away."""
