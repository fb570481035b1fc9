"""The demonstration: creators reserve, a vendor screens, every answer is compared with the expected one."""
