"""A package for a new event source, written from a sample of its events.

A file becomes JSON objects (`sample`), these become shapes with types (`shapes`), the shapes become what the source
shall be (`proposal`, from `candidates`, `fields` and `columns`), and that becomes files (`writing`, with the texts in
`template/`).
"""
