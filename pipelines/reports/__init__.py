"""The weekly report: one model (:mod:`.model`) filled from ``sql/queries`` (:mod:`.content`), rendered by the rest."""
