"""The doctor: what a site says to machines about a picture, how each reader sees it, and what to mend."""
