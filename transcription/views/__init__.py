"""What the browser asks for. Views read through ``visible_to``, write through ``steps`` and know no engine."""
