"""A package for a new event source, written from a sample of its events.

A file becomes JSON objects (`sample`), these become shapes with types (`shapes`), the shapes become what the source
shall be (`proposal`, from `fields`, `candidates`, `extent`, `columns` and `personal`; where no time is found,
`timeless` says why), and that becomes files (`definition` and `writing`, with the texts in `template/`).
"""
