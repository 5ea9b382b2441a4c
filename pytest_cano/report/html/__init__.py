"""``html:DIR``: one page that shows what happened in every life.

It needs no network, no JavaScript to be read, and nothing but the document.
"""
