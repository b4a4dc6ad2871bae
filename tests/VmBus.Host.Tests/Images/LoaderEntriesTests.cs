using VmBus.Host.Images;
using Xunit;

namespace VmBus.Host.Tests.Images;

/// <summary>Files of loader/entries and extlinux configurations, read by the loader.</summary>
public sealed class LoaderEntriesTests : IDisposable
{
    private readonly BootDisk _disk = new();

    [Theory]
    [InlineData("", "m-6.12.0")]
    [InlineData("default m-6.1.0.conf\n", "m-6.1.0")]
    [InlineData("timeout 3\ndefault m-6.9*\n", "m-6.9.0")]
    [InlineData("default gone\n", "m-6.12.0")]
    public void Entries_are_ordered_by_version_and_loader_conf_names_the_default(string loader, string chosen)
    {
        _disk.Add(
            "vfat",
            "AAAA-BBBB",
            ("loader/loader.conf", loader),
            ("loader/entries/m-6.9.0.conf", Entry("6.9.0")),
            ("loader/entries/m-6.12.0+3.conf", Entry("6.12.0")),
            ("loader/entries/m-6.1.0.conf", Entry("6.1.0")),
            ("loader/entries/m-7.0.0+0-3.conf", Entry("7.0.0")),
            ("loader/entries/arm.conf", "linux /arm\narchitecture aa64\n"),
            ("loader/entries/efi.conf", "title Shell\nefi /shell.efi\n"));
        IReadOnlyList<BootEntry> entries = _disk.Read();
        Assert.Equal(["m-6.12.0", "m-6.9.0", "m-6.1.0", "m-7.0.0"], entries.Select(e => e.Id));
        Assert.Equal(chosen, Assert.Single(entries, e => e.IsDefault).Id);
        Assert.Equal(new BootEntry("bls", chosen == "m-6.12.0", "m-6.12.0", "Debian (6.12.0)", "sda1/m/6.12.0/linux", "sda1/m/6.12.0/a sda1/m/6.12.0/b", "root=/dev/vg/root ro"), entries[0]);
    }

    [Fact]
    public void Systemd_boot_comes_before_grub_where_it_is_installed()
    {
        _disk.Add("vfat", "A", ("loader/loader.conf", ""), ("loader/entries/m-6.1.0.conf", Entry("6.1.0")));
        _disk.Add("ext4", "B", ("boot/grub/grub.cfg", "menuentry A { linux /k }"));
        Assert.Equal("bls", Assert.Single(_disk.Read()).Reader);
    }

    [Fact]
    public void Unified_kernel_images_are_named_as_not_supported()
    {
        _disk.Add("vfat", "A", ("EFI/Linux/debian.efi", "MZ"));
        Assert.Empty(_disk.Read());
        Assert.Contains("EFI/Linux/debian.efi", Assert.Single(_disk.Others), StringComparison.Ordinal);
    }

    [Fact]
    public void Extlinux_labels_default_and_relative_files()
    {
        const string Text = """
            DEFAULT second
            LABEL first
              MENU LABEL ^First one
              LINUX /boot/vmlinuz-1
              INITRD /boot/initrd-1
              APPEND root=/dev/sda1 ro
            LABEL second
              KERNEL ../vmlinuz-2
              APPEND initrd=/boot/a,/boot/b root=/dev/sda1
            LABEL tool
              KERNEL chain.c32
            """;
        _disk.Add("ext4", "A", ("boot/extlinux/extlinux.conf", Text));
        Assert.Equal(
            [
                new BootEntry("extlinux", false, "first", "First one", "sda1/boot/vmlinuz-1", "sda1/boot/initrd-1", "root=/dev/sda1 ro"),
                new BootEntry("extlinux", true, "second", "second", "sda1/boot/extlinux/../vmlinuz-2", "sda1/boot/a sda1/boot/b", "root=/dev/sda1"),
            ],
            _disk.Read());
    }

    [Fact]
    public void Nothing_to_boot_is_no_entry_and_no_refusal()
    {
        _disk.Add("ext4", "A", ("etc/fstab", ""));
        Assert.Empty(_disk.Read());
        Assert.Empty(_disk.Others);
    }

    public void Dispose() => _disk.Dispose();

    private static string Entry(string version)
        => $"title Debian\nversion {version}\nmachine-id 1\nsort-key debian\noptions root=/dev/vg/root ro\nlinux /m/{version}/linux\ninitrd /m/{version}/a\ninitrd /m/{version}/b\n";
}
