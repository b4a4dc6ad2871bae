using System.Diagnostics;
using VmBus.Host.Images;
using Xunit;

namespace VmBus.Host.Tests.Images;

/// <summary>GRUB's configurations, as distributions write them, read by the loader as GRUB would run them.</summary>
public sealed class GrubConfigurationTests : IDisposable
{
    // The structure of what Debian's grub-mkconfig writes.
    private const string Debian = """
        if [ -s $prefix/grubenv ]; then
          set have_grubenv=true
          load_env
        fi
        if [ "${next_entry}" ] ; then
           set default="${next_entry}"
           set next_entry=
           save_env next_entry
           set boot_once=true
        else
           set default="${saved_entry}"
        fi
        if [ x"${feature_menuentry_id}" = xy ]; then
          menuentry_id_option="--id"
        else
          menuentry_id_option=""
        fi
        export menuentry_id_option
        function savedefault {
          if [ -z "${boot_once}" ]; then
            saved_entry="${chosen}"
            save_env saved_entry
          fi
        }
        function gfxmode {
        	set gfxpayload="${1}"
        }
        menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple' {
        	savedefault
        	insmod gzio
        	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
        	set root='hd0,gpt1'
        	search --no-floppy --fs-uuid --set=root 1111-AA
        	echo	'Loading Linux 6.12 ...'
        	linux	/vmlinuz-6.12 root=UUID=2222 ro  quiet
        	initrd	/microcode.img /initrd.img-6.12
        }
        submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {
        	menuentry 'Debian, with Linux 6.12' --class os $menuentry_id_option 'gnulinux-6.12-advanced' {
        		linux	/vmlinuz-6.12 root=UUID=2222 ro
        		initrd	/initrd.img-6.12
        	}
        	menuentry 'Debian, with Linux 6.1' --class os $menuentry_id_option 'gnulinux-6.1-advanced' {
        		search --no-floppy --fs-uuid --set=root 1111-AA
        		linux	/vmlinuz-6.1 root=UUID=2222 ro note="a b"
        		initrd	/initrd.img-6.1
        	}
        }
        if [ "$grub_platform" = "efi" ]; then
        	menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' { fwsetup }
        fi
        if [ -f ${config_directory}/custom.cfg ]; then
          source ${config_directory}/custom.cfg
        elif [ -z "${config_directory}" -a -f $prefix/custom.cfg ]; then
          source $prefix/custom.cfg
        fi
        """;

    private readonly BootDisk _disk = new();

    [Fact]
    public void Debians_entries_are_found_with_files_options_and_submenus()
    {
        _disk.Add("ext4", "1111-aa", ("grub/grub.cfg", Debian));
        IReadOnlyList<BootEntry> entries = _disk.Read();
        Assert.Equal(["Debian GNU/Linux", "Advanced options>Debian, with Linux 6.12", "Advanced options>Debian, with Linux 6.1"], entries.Select(e => e.Title));
        Assert.Equal([true, false, false], entries.Select(e => e.IsDefault));
        Assert.Equal(new BootEntry("grub", true, "gnulinux-simple", "Debian GNU/Linux", "sda1/vmlinuz-6.12", "sda1/microcode.img sda1/initrd.img-6.12", "root=UUID=2222 ro quiet"), entries[0]);
        Assert.Equal("root=UUID=2222 ro note=\"a b\"", entries[2].Options);
        Assert.Empty(_disk.Others);
    }

    [Theory]
    [InlineData("saved_entry=gnulinux-advanced>gnulinux-6.1-advanced", 2)]
    [InlineData("saved_entry=1>1", 2)]
    [InlineData("saved_entry=Advanced options>Debian, with Linux 6.12", 1)]
    [InlineData("saved_entry=gnulinux-advanced", 1)]
    [InlineData("saved_entry=gone", 0)]
    [InlineData("next_entry=gnulinux-advanced>gnulinux-6.1-advanced", 2)]
    public void Default_is_what_the_environment_says(string line, int chosen)
    {
        _disk.Add("ext4", "1111-aa", ("boot/grub/grub.cfg", Debian), ("boot/grub/grubenv", $"# GRUB Environment Block\n{line}\n####"));
        IReadOnlyList<BootEntry> entries = _disk.Read();
        Assert.Equal(chosen, entries.ToList().FindIndex(e => e.IsDefault));
        Assert.Equal(line.StartsWith("next_entry", StringComparison.Ordinal) ? ["save\tsda1/boot/grub/grubenv\tnext_entry\t"] : [], _disk.Others);
    }

    [Fact]
    public void Files_are_on_the_file_system_that_the_entry_searches()
    {
        _disk.Add("vfat", "AAAA-BBBB", ("EFI/debian/grub.cfg", "search.fs_uuid 2222 root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"));
        _disk.Add("ext4", "2222", ("boot/grub/grub.cfg", "menuentry A { search --no-floppy --label --set=root label-sda3; linux ($root)/vmlinuz x }\nmenuentry B { linux (hd0,gpt1)/k }"));
        _disk.Add("xfs", "3333");
        Assert.Equal(["sda3/vmlinuz", "sda1/k"], _disk.Read().Select(e => e.Kernel));
    }

    [Fact]
    public void Fedoras_entries_come_from_loader_entries_with_variables()
    {
        _disk.Add(
            "ext4",
            "1111",
            ("grub2/grub.cfg", "load_env\nif [ -z \"$kernelopts\" ]; then set kernelopts=\"root=wrong\"; fi\nset default=\"${saved_entry}\"\ninsmod blscfg\nblscfg\n"),
            ("grub2/grubenv", "# GRUB Environment Block\nsaved_entry=id-6.1.0\nkernelopts=root=UUID=5 ro quiet\n###"),
            ("loader/entries/id-6.1.0.conf", "title Fedora (6.1.0)\nversion 6.1.0\nlinux /vmlinuz-6.1.0\ninitrd /initramfs-6.1.0.img $tuned_initrd\noptions $kernelopts $tuned_params\n"),
            ("loader/entries/id-6.12.0.conf", "title Fedora (6.12.0)\nversion 6.12.0\nlinux /vmlinuz-6.12.0\ninitrd /initramfs-6.12.0.img\noptions $kernelopts\n"));
        IReadOnlyList<BootEntry> entries = _disk.Read();
        Assert.Equal(["id-6.12.0", "id-6.1.0"], entries.Select(e => e.Id));
        Assert.Equal([false, true], entries.Select(e => e.IsDefault));
        Assert.Equal("root=UUID=5 ro quiet", entries[1].Options);
        Assert.Equal("sda1/initramfs-6.1.0.img", entries[1].Initrds);
    }

    [Fact]
    public void Btrfs_names_files_from_the_top_or_from_the_subvolume()
    {
        _disk.Add("btrfs", "1111", ("@rootfs/boot/grub/grub.cfg", "menuentry A { linux /@rootfs/boot/vmlinuz a }\nmenuentry B { linux /boot/vmlinuz b }"), ("@rootfs/boot/vmlinuz", "k"));
        Assert.All(_disk.Read(), e => Assert.Equal("sda1/@rootfs/boot/vmlinuz", e.Kernel));
    }

    [Theory]
    [InlineData("while true; do set a=b; done\nmenuentry A { linux /k }", true)]
    [InlineData("function f { f; }\nf\n", false)]
    [InlineData("if true; then menuentry A { linux /k }", false)]
    [InlineData("source $prefix/grub.cfg\n", false)]
    [InlineData("}\nmenuentry A { linux /k }", false)]
    [InlineData("for i in 1 2 3; do menuentry A$i { linux /k$i }; done", true)]
    [InlineData("menuentry 'open\n", false)]
    public void Bad_or_endless_configuration_comes_to_an_end(string text, bool readable)
    {
        _disk.Add("ext4", "1111", ("boot/grub/grub.cfg", text));
        Assert.Equal(readable, _disk.Read().Count > 0);
    }

    [Fact]
    public void Configuration_that_reads_a_pipe_is_given_up_with_a_line_that_says_so()
    {
        string name = _disk.Add("ext4", "1111", ("boot/grub/grub.cfg", "source /pipe\nmenuentry A { linux /k }"));
        using (Process made = Process.Start("mkfifo", [Path.Combine(_disk.FolderOf(name), "pipe")])) made.WaitForExit();
        Assert.Empty(_disk.Read(seconds: 1));
        Assert.Equal(["refused\tthe boot configuration does not come to an end"], _disk.Others);
    }

    [Fact]
    public void Configuration_that_is_nested_without_measure_is_given_up_with_a_line_that_says_so()
    {
        _disk.Add("ext4", "1111", ("boot/grub/grub.cfg", string.Concat(Enumerable.Repeat("{\n", 90_000))));
        Assert.Empty(_disk.Read());
        Assert.StartsWith("refused\t", Assert.Single(_disk.Others), StringComparison.Ordinal);
    }

    public void Dispose() => _disk.Dispose();
}
