"""What is known of how people answer: fitted in the background, used at every vote."""
