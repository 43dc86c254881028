"""Pictures of a process, of its systems and of the portfolio, as positions and words: pure.
Templates turn them into SVG with classes only, for the content security policy allows no style."""
