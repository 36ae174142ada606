"""MessageMedia (Sinch Engage). `README.md` beside this file tells what is known and from where."""
