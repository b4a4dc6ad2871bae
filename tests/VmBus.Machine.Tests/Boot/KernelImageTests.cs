using System.Buffers.Binary;
using VmBus.Machine.Boot;
using Xunit;

namespace VmBus.Machine.Tests.Boot;

public sealed class KernelImageTests : IDisposable
{
    private readonly KernelFile _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void BzImage_is_recognised()
    {
        using KernelImage kernel = KernelImage.Open(_files.Write("vmlinuz", KernelFile.BzImage()));
        Assert.Equal((BootMode.Long64, 2047), (kernel.Mode, kernel.CommandLineBytes));
    }

    [Fact]
    public void Elf_with_PVH_note_is_recognised()
    {
        using KernelImage kernel = KernelImage.Open(_files.Write("vmlinux", KernelFile.Elf()));
        Assert.Equal(BootMode.Protected32, kernel.Mode);
    }

    [FactWithFile("/boot/vmlinuz", "a Linux kernel package")]
    public void Installed_kernel_is_recognised()
    {
        using KernelImage kernel = KernelImage.Open("/boot/vmlinuz");
        Assert.Equal(BootMode.Long64, kernel.Mode);
    }

    [Fact]
    public void Path_that_is_missing_or_no_file_is_named()
    {
        Refused(BootError.NotFound, Path.Combine(_files.Folder, "nothing"));
        Refused(BootError.NotAFile, _files.Folder);
        Refused(BootError.NotAFile, "/dev/null/nothing", orElse: BootError.ReadFailed);
        Refused(BootError.NotAKernel, "/dev/null", orElse: BootError.NotAFile);
    }

    [Fact]
    public void File_that_may_not_be_read_is_named()
    {
        string path = _files.Write("vmlinuz", KernelFile.BzImage());
        File.SetUnixFileMode(path, UnixFileMode.None);
        try
        {
            // The superuser reads it all the same.
            if (string.Equals(Environment.UserName, "root", StringComparison.Ordinal)) KernelImage.Open(path).Dispose();
            else Refused(BootError.NoPermission, path);
        }
        finally
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(700)]
    public void File_that_is_something_else_is_not_a_kernel(int bytes)
    {
        byte[] file = new byte[bytes];
        file.AsSpan().Fill((byte)'x');
        Refused(BootError.NotAKernel, _files.Write("text", file));
    }

    [Fact]
    public void Kernel_of_another_architecture_is_refused_by_name()
    {
        byte[] arm = new byte[4096];
        "ARM\x64"u8.CopyTo(arm.AsSpan(0x38));
        Assert.Contains("arm64", Refused(BootError.WrongArchitecture, _files.Write("Image", arm)).Message, StringComparison.Ordinal);
        byte[] elf = KernelFile.Elf();
        BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(18), 243);
        Assert.Contains("RISC-V", Refused(BootError.WrongArchitecture, _files.Write("vmlinux", elf)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kernel_without_a_64_bit_entry_is_refused()
    {
        byte[] image = KernelFile.BzImage();
        image[0x236] = 0;
        Refused(BootError.No64BitEntry, _files.Write("vmlinuz-686", image));

        image = KernelFile.BzImage();
        image[0x206] = 0x0A;
        Assert.Contains("2.10", Refused(BootError.No64BitEntry, _files.Write("vmlinuz-2.6", image)).Message, StringComparison.Ordinal);

        byte[] elf = KernelFile.Elf();
        elf[4] = 1;
        elf[18] = 3;
        Refused(BootError.No64BitEntry, _files.Write("vmlinux-686", elf));
        Refused(BootError.No64BitEntry, _files.Write("vmlinux-nopvh", KernelFile.Elf(withNote: false)));
    }

    [Theory]
    [InlineData(0x208)]
    [InlineData(0x28F)]
    [InlineData(0x400)]
    [InlineData(KernelFile.CodeOffset)]
    [InlineData(KernelFile.CodeOffset + KernelFile.CodeBytes - 16)]
    public void BzImage_that_ends_early_is_damaged(int bytes) =>
        Refused(BootError.Damaged, _files.Write("vmlinuz", KernelFile.BzImage()[..bytes]));

    [Theory]
    [InlineData(16)]
    [InlineData(100)]
    [InlineData(0x1000)]
    [InlineData(0x1000 + KernelFile.CodeBytes - 1)]
    public void Elf_that_ends_early_is_damaged(int bytes) =>
        Refused(BootError.Damaged, _files.Write("vmlinux", KernelFile.Elf()[..bytes]));

    // Offsets of header fields whose wildest values must not lead outside the file.
    [Theory]
    [InlineData(32)]
    [InlineData(64 + 8)]
    [InlineData(64 + 32)]
    [InlineData(120 + 8)]
    [InlineData(120 + 32)]
    public void Elf_that_points_outside_itself_is_damaged(int field)
    {
        byte[] elf = KernelFile.Elf();
        elf.AsSpan(field, 8).Fill(0xFF);
        Refused(BootError.Damaged, _files.Write("vmlinux", elf));
    }

    [Fact]
    public void Elf_notes_with_wild_lengths_have_no_entry()
    {
        byte[] elf = KernelFile.Elf();
        elf.AsSpan(0x200, 8).Fill(0xFF);
        Refused(BootError.No64BitEntry, _files.Write("vmlinux", elf));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Headers_with_random_bytes_are_refused_or_accepted_but_never_worse(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 300; i++)
        {
            byte[] file = i % 2 == 0 ? KernelFile.BzImage() : KernelFile.Elf();
            for (int j = 0; j < 8; j++) file[random.Next(i % 2 == 0 ? 0x280 : 0x240)] = (byte)random.Next(256);
            string path = _files.Write("kernel", file);
            try
            {
                KernelImage.Open(path).Dispose();
            }
            catch (BootException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    private static BootException Refused(BootError error, string path, BootError? orElse = null)
    {
        BootException refusal = Assert.Throws<BootException>(() => KernelImage.Open(path));
        Assert.Contains(refusal.Error, new[] { error, orElse ?? error });
        Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal;
    }
}
