# Two folders that use each other.
# its twin that passes
kernel_folder(lower mem/lower USES hal)
kernel_folder(upper mem/upper USES hal mem/lower)
