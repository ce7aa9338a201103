"""What is done with the pages of a running product: pictures and Lighthouse."""
