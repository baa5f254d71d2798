"""The dashboard: streamlit run app.py, or better python3 start.py, which sets everything up first."""

from pages.parts import frame

frame.draw()
