using System.Diagnostics;

namespace VmBus.Benchmarks.Service;

/// <summary>Debian's libvirtd as an unprivileged user's own (qemu:///session) in folders of its own, and virsh.</summary>
internal sealed class LibvirtManager : IManager
{
    // nobody and nogroup: as root it would be the system's.
    private const string User = "65534";
    private const string Connection = "qemu:///session";

    private readonly string _folder;
    private readonly Process _daemon;

    internal LibvirtManager(string folder, IEnumerable<string> machines)
    {
        _folder = folder;
        foreach (string name in new[] { "run", "config", "cache", "data" }) Directory.CreateDirectory(Path.Combine(folder, name));
        CommandLine.Run(new ProcessStartInfo("chown", ["-R", $"{User}:{User}", folder]));
        _daemon = System.Diagnostics.Process.Start(CommandLine.Of("setpriv", ["--reuid", User, "--regid", User, "--clear-groups", "--", "libvirtd"], Variables))!;
        CommandLine.WaitFor(() => Start("version"));
        foreach (string machine in machines) CommandLine.Run(Start("define", Write(machine)));
    }

    public string Name => "libvirt";

    public int Process => _daemon.Id;

    private IEnumerable<(string Name, string Value)> Variables =>
    [
        ("HOME", _folder), ("XDG_RUNTIME_DIR", Path.Combine(_folder, "run")), ("XDG_CONFIG_HOME", Path.Combine(_folder, "config")), ("XDG_CACHE_HOME", Path.Combine(_folder, "cache")),
        ("XDG_DATA_HOME", Path.Combine(_folder, "data")),
    ];

    public void List() => CommandLine.Run(Start("list", "--all"));

    public void Definition(string name) => CommandLine.Run(Start("dumpxml", name));

    // virsh reads its commands from a terminal or from its arguments; many in one argument are one connection.
    public void AskMany(string name, int times) => CommandLine.Run(Start(string.Join(';', Enumerable.Repeat($"domstate {name}", times))));

    public void DefineAndUndefine(string name)
    {
        CommandLine.Run(Start("define", Write(name)));
        CommandLine.Run(Start("undefine", name));
    }

    public void Dispose() => CommandLine.End(_daemon);

    private ProcessStartInfo Start(params string[] words) => CommandLine.Of("setpriv", ["--reuid", User, "--regid", User, "--clear-groups", "--", "virsh", "-q", "-c", Connection, .. words], Variables);

    private string Write(string name)
    {
        string path = Path.Combine(_folder, "domain.xml");
        File.WriteAllText(
            path,
            $"""
            <domain type='qemu'><name>{name}</name><memory unit='GiB'>1</memory><vcpu>2</vcpu><os><type arch='x86_64'>hvm</type><kernel>/boot/vmlinuz</kernel></os>
            <devices><disk type='file'><driver name='qemu' type='raw'/><source file='/images/disk.img'/><target dev='vda' bus='virtio'/></disk>
            <interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface></devices></domain>
            """);
        return path;
    }
}
