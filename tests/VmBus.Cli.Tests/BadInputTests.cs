using System.Diagnostics;
using System.Text;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>What a user sees who got something wrong: one line with the value, an exit status, no stack trace.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-cli-").FullName;

    public static TheoryData<string, string> BadUsage => new()
    {
        { "run --kernel KERNEL --cpus 0", "--cpus 0" },
        { "run --kernel KERNEL --cpus 65", "--cpus 65" },
        { "run --kernel KERNEL --cpus many", "many" },
        { "run --kernel KERNEL --memory 1Q", "'1Q'" },
        { "run --kernel KERNEL --memory 1M", "'1M'" },
        { "run --kernel KERNEL --memory 1000001K", "MiB" },
        { "run --kernel KERNEL --console nowhere", "nowhere" },
        { "run --kernel KERNEL --vmbus-version 5.9", "5.9" },
        { "run --kernel KERNEL --log loud", "loud" },
        { "run --kernel KERNEL --control ,group=kvm", ",group=kvm" },
        { "run --kernel KERNEL --given fd:two", "'fd:two'" },
        { "run --kernel KERNEL --given fd:2", "'fd:2'" },
        { "run --kernel KERNEL --run-as nobody-of-this-name", "'nobody-of-this-name'" },
        { "give /nowhere", "one of --disk, --nic and --file" },
        { "give /nowhere --disk ZERO --file ZERO", "one of --disk, --nic and --file" },
        { "give /nowhere --disk ZERO --renew", "--renew goes with --nic" },
        { "connect", "PLACE" },
        { "connect somewhere", "'somewhere'" },
        { "show", "PARTITION is missing" },
        { "disk add ZERO,colour=red --control /nowhere", "colour" },
        { "disk resize data 1Q --control /nowhere", "'1Q'" },
        { "disk burn", "burn" },
        { "run --kernel KERNEL --poll 10001", "10001" },
        { "freeze 0 --control /nowhere", "'0'" },
        { "kvp list pool --control /nowhere", "'pool'" },
        { "reboot now --control /nowhere", "'now'" },
        { "copy /a /b over --control /nowhere", "'over'" },
        { "memory set 1Q --control /nowhere", "'1Q'" },
        { "memory set 0 --control /nowhere", "'0'" },
        { "run --kernel KERNEL --memory 1G,max=512M", "1G,max=512M" },
        { "run --kernel KERNEL --memory 1G,most=2G", "1G,most=2G" },
        { "run --kernel KERNEL --memory 1G,max=2.5G", "1G,max=2.5G" },
        { "run --kernel KERNEL --integration memory,kvq", "kvq" },
        { "nic add wire=x --control /nowhere", "wire=x" },
        { "stop --timeout -1 --control /nowhere", "-1" },
        { "top --interval 0 --control /nowhere", "0" },
        { "console --scrollback much --control /nowhere", "'much'" },
        { "run --kernel KERNEL --stop-timeout -1", "-1" },
        { "run --kernel KERNEL --disk ZERO,format=zip", "zip" },
        { "run --kernel KERNEL --disk ZERO,colour=red", "colour" },
        { "run --kernel KERNEL --disk ZERO,bus=pci", "bus=pci" },
        { "disk add ZERO,bus=virtio --control /nowhere", "bus=virtio" },
        { "export blk --disk ZERO", "--socket" },
        { "export blk --disk ZERO --disk ZERO --socket FOLDER/s", "2 --disk and 1 --socket" },
        { "export blk --disk ZERO --socket FOLDER/s --queues 65", "--queues 65" },
        { "run --kernel KERNEL --nic wire=x", "wire=x" },
        { "run --kernel KERNEL --nic user,colour=red", "colour" },
        { "run --kernel KERNEL --capture", "--capture" },
        { "run", "--kernel" },
        { "run --disk ZERO --initrd KERNEL", "--initrd" },
        { "run --disk ZERO,format=iso", "DVD" },
        { "run --kernel KERNEL --boot-entry 1", "--boot-entry '1'" },
        { "run --disk ZERO --firmware FOLDER/bios.fd", "--firmware 'FOLDER/bios.fd' is not supported yet" },
        { "convert ZERO FOLDER/copy", "FOLDER/copy" },
        { "convert ZERO ZERO,format=raw", "itself" },
        { "resize ZERO 1Q", "'1Q'" },
        { "resize ZERO +100", "'+100'" },
        { "run --kernel KERNEL --frobnicate", "--frobnicate" },
        { "frobnicate", "frobnicate" },
    };

    public static TheoryData<string, string> BadFiles => new()
    {
        { "run --console none --kernel FOLDER/missing", "FOLDER/missing" },
        { "run --console none --kernel FOLDER", "FOLDER" },
        { "run --console none --kernel ZERO", "ZERO" },
        { "run --console none --kernel KERNEL --disk FOLDER/missing", "FOLDER/missing" },
        { "run --console none --kernel KERNEL --disk FOLDER", "FOLDER" },
        { "run --console none --kernel KERNEL --disk ODD,format=raw", "ODD" },
        { "run --console none --kernel KERNEL --disk ZERO,format=qcow2", "ZERO" },
        { "run --console none --kernel KERNEL --disk ZERO --disk ZERO", "ZERO" },
        { "run --console none --kernel KERNEL --capture FOLDER/missing/frames.pcapng", "FOLDER/missing/frames.pcapng" },
        { "run --console none --kernel FOLDER/missing --given FOLDER/given", "FOLDER/missing" },
        { "run --console none --kernel KERNEL --given FOLDER/given --disk FOLDER/missing", "FOLDER/missing" },
        { "run --console none --kernel KERNEL --given FOLDER/given --capture FOLDER/missing/frames.pcapng", "FOLDER/missing/frames.pcapng" },
        { "run --console none --kernel KERNEL --given FOLDER/missing/given", "FOLDER/missing/given" },
        { "give FOLDER/nobody --disk ZERO", "FOLDER/nobody" },
        { "run --console none --kernel KERNEL --given FOLDER/given --vsock FOLDER/missing/s", "FOLDER/missing/s" },
        { "connect vsock=FOLDER/s", "'vsock=FOLDER/s'" },
        { "run --console none --kernel KERNEL --capture FOLDER", "Capture file 'FOLDER'" },
        { "run --console none --kernel KERNEL --control FOLDER", "Control socket 'FOLDER'" },
        { "run --console none --kernel KERNEL --control ZERO", "Control socket 'ZERO'" },
        { "run --console none --kernel KERNEL --control FOLDER/s,group=no-such-group", "no-such-group" },
        { "show --control /nowhere", "/nowhere" },
        { "run --console none --disk ZERO", "vmbus-make-loader" },
        { "boot-entries ZERO", "vmbus-make-loader" },
        { "run --console none --kernel KERNEL --user-data FOLDER/missing", "--user-data 'FOLDER/missing'" },
        { "run --console none --kernel KERNEL --meta-data FOLDER", "--meta-data 'FOLDER'" },
        { "convert FOLDER/missing FOLDER/copy.vhdx", "FOLDER/missing" },
        { "convert ZERO ODD,format=raw", "'ODD' is there already" },
        { "convert ZERO,format=qcow2 FOLDER/copy.vhdx", "ZERO" },
        { "resize ZERO 512K", "--shrink" },
        { "top --control ZERO", "ZERO" },
        { "run --console none --kernel KERNEL --nic bridge=no-such-bridge", "no-such-bridge" },
        { "run --console none --kernel KERNEL --disk ZERO,bus=virtio,id=a --disk FOLDER/missing,bus=virtio", "FOLDER/missing" },
        { "export blk --disk FOLDER/missing --socket FOLDER/s", "FOLDER/missing" },
        { "export blk --disk ZERO --socket ZERO", "Socket path 'ZERO' is in use" },
        { "export blk --disk ZERO --socket FOLDER/missing/s", "Socket path 'FOLDER/missing/s'" },
    };

    [Theory]
    [MemberData(nameof(BadUsage))]
    public void Bad_usage_ends_with_2_and_names_the_value(string line, string named) => Expect(2, line, named);

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void Bad_file_ends_with_1_and_names_it(string line, string named) => Expect(1, line, named);

    [Theory]
    [InlineData("--help", "run")]
    [InlineData("run --help", "--no-reboot")]
    [InlineData("run --help", "--capture")]
    [InlineData("run --help", "--boot-entry")]
    [InlineData("boot-entries --help", "--json")]
    [InlineData("convert --help", "--force")]
    [InlineData("resize --help", "--shrink")]
    [InlineData("run --help", "bus=vmbus|virtio")]
    [InlineData("export blk --help", "--socket")]
    [InlineData("doctor --help", "--quiet")]
    [InlineData("--version", "0.1.0")]
    public void Help_is_there(string line, string contains)
    {
        (int status, string output, _) = Run(line);
        Assert.Equal(0, status);
        Assert.Contains(contains, output, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Expect(int status, string line, string named)
    {
        (int actual, _, string error) = Run(line);
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(actual == status, $"exit status {actual}, not {status}: {error}");
        Assert.All(lines, l => Assert.StartsWith("vmbus: ", l, StringComparison.Ordinal));
        Assert.InRange(lines.Length, 1, 2);
        Assert.Contains(Expand(named), lines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private (int Status, string Output, string Error) Run(string line)
    {
        string program = Path.ChangeExtension(typeof(Program).Assembly.Location, ".dll");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        start.ArgumentList.Add(program);
        start.Environment.Remove("VMBUS_LOADER");
        foreach (string word in Expand(line).Split(' ')) start.ArgumentList.Add(word);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, error);
    }

    // A kernel that passes the loader's header checks, an empty file of a whole number of sectors, and one of an odd size.
    private string Expand(string text)
    {
        string kernel = Path.Combine(_folder, "kernel");
        string zero = Path.Combine(_folder, "zero");
        string odd = Path.Combine(_folder, "odd");
        if (!File.Exists(kernel)) File.WriteAllBytes(kernel, MinimalBzImage());
        if (!File.Exists(zero)) File.WriteAllBytes(zero, new byte[1 << 20]);
        if (!File.Exists(odd)) File.WriteAllBytes(odd, new byte[1000]);
        return new StringBuilder(text).Replace("KERNEL", kernel).Replace("FOLDER", _folder).Replace("ZERO", zero).Replace("ODD", odd).ToString();
    }

    private static byte[] MinimalBzImage()
    {
        byte[] image = new byte[64 * 1024];
        image[0x1F1] = 1;
        image[0x1FE] = 0x55;
        image[0x1FF] = 0xAA;
        image[0x201] = 0x66;
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BitConverter.TryWriteBytes(image.AsSpan(0x206), (ushort)0x020F);
        image[0x211] = 1;
        BitConverter.TryWriteBytes(image.AsSpan(0x1F4), (uint)((image.Length - 1024) / 16));
        BitConverter.TryWriteBytes(image.AsSpan(0x22C), 0x7FFF_FFFFu);
        BitConverter.TryWriteBytes(image.AsSpan(0x230), 0x20_0000u);
        image[0x234] = 1;
        BitConverter.TryWriteBytes(image.AsSpan(0x236), (ushort)1);
        BitConverter.TryWriteBytes(image.AsSpan(0x238), 2047u);
        BitConverter.TryWriteBytes(image.AsSpan(0x258), 0x100_0000UL);
        BitConverter.TryWriteBytes(image.AsSpan(0x260), 0x20_0000u);
        return image;
    }
}
