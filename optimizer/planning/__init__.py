"""What is found out before anything is paid: does the run file stand, does the machine, what will the night find."""
