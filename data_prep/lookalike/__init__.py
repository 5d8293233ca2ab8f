"""Stand-ins for the licensed releases: generated faces and videos, laid out as the official archives are."""
