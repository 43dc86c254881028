"""Evidence packs: a control or a period, as a ZIP that anybody can check without us."""
