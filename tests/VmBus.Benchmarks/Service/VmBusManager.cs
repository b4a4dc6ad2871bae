using System.Diagnostics;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Benchmarks.Service;

/// <summary>Ours: vmbusd in folders of its own, and vmbus.</summary>
internal sealed class VmBusManager : IManager
{
    private const string Text = """{"kernel":"/boot/vmlinuz","cpus":2,"memory":"1G","disks":[{"path":"/images/disk.img"}],"nics":[{"bridge":"br0"}]}""";

    private readonly string _folder;
    private readonly string _program;
    private readonly Process _daemon;

    internal VmBusManager(string program, string folder, IEnumerable<string> machines)
    {
        (_program, _folder) = (program, folder);
        string definitions = Directory.CreateDirectory(Path.Combine(folder, "definitions")).FullName;
        foreach (string machine in machines) File.WriteAllText(Path.Combine(definitions, machine + ".json"), Text);
        File.WriteAllText(Path.Combine(folder, "new.json"), Text);
        (string, string)[] variables =
        [
            ("VMBUSD_Service__Definitions", definitions), ("VMBUSD_Service__State", Path.Combine(folder, "state")), ("VMBUSD_Service__Systemd", "false"),
            ("VMBUSD_Service__Program", program), ("XDG_STATE_HOME", folder), ("VMBUSD_Serilog__WriteTo__0__Name", "File"), ("VMBUSD_Serilog__WriteTo__0__Args__path", Path.Combine(folder, "log")),
        ];
        _daemon = System.Diagnostics.Process.Start(CommandLine.Of(program + "d", [], variables))!;
        CommandLine.WaitFor(() => Start("list"));
    }

    public string Name => "vmbus";

    public int Process => _daemon.Id;

    private string Socket => Path.Combine(_folder, "state", "vmbusd.sock");

    public void List() => CommandLine.Run(Start("list"));

    public void Definition(string name) => CommandLine.Run(Start("definition", name));

    public void AskMany(string name, int times) => AskManyAsync(name, times).GetAwaiter().GetResult();

    public void DefineAndUndefine(string name)
    {
        CommandLine.Run(Start("define", Path.Combine(_folder, "new.json"), "--name", name));
        CommandLine.Run(Start("undefine", name));
    }

    public void Dispose() => CommandLine.End(_daemon);

    private async Task AskManyAsync(string name, int times)
    {
        await using ControlClient client = await ControlClient.ConnectAsync(Socket, "benchmark", CancellationToken.None);
        for (int i = 0; i < times; i++) _ = await client.CallAsync(ServiceVerb.Show, new NameRequest(name), CancellationToken.None);
    }

    private ProcessStartInfo Start(params string[] words) => CommandLine.Of(_program, words, [("VMBUS_SERVICE", Socket)]);
}
