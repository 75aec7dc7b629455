"""PDF: what pdfium draws and pypdf tells of a file, brought into blocks in reading order."""
