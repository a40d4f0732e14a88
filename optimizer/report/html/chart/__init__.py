"""Charts as SVG; across they are placed in percent, so a phone and a wide screen both get readable letters."""
