# Two folders that use each other.
# refused by configure: does not lie below it
kernel_folder(lower mem/lower USES hal mem/upper)
kernel_folder(upper mem/upper USES hal mem/lower)
