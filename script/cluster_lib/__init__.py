"""A whole set-up on one machine, whose parts break under load (`script/cluster`)."""
