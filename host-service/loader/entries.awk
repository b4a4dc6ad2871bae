# entries.awk with table.awk, grub.awk, bls.awk, extlinux.awk: lists the boot entries of one configuration (the output: see table.awk).
#
#   awk -f table.awk … -f entries.awk -v reader=grub     -v table=TABLE -v mount=MOUNT -v config=FILE -v files=LIST
#   awk -f table.awk … -f entries.awk -v reader=bls      -v table=TABLE -v files=LIST -v loaders=LIST
#   awk -f table.awk … -f entries.awk -v reader=extlinux -v table=TABLE -v mount=MOUNT -v config=FILE
BEGIN {
    read_table(table)
    if (reader == "grub") list_grub(config, mount, files)
    else if (reader == "bls") list_bls(files, loaders)
    else if (reader == "extlinux") list_extlinux(config, mount)
}
