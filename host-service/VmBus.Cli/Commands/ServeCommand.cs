using System.CommandLine;
using VmBus.Native.Linux;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus serve</c>: the parent-partition service, which is a program of its own (vmbusd) that this process becomes.</summary>
internal static class ServeCommand
{
    private const string Program = "vmbusd";

    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        (Option<string?> Option, string Setting)[] settings =
        [
            (new("--definitions") { HelpName = "FOLDER", Description = "Folder of the definitions; without this, /etc/vmbus/partitions, or vmbus/partitions in the user's configuration folder" }, "Service:Definitions"),
            (new("--state") { HelpName = "FOLDER", Description = "Folder of sockets and of what is there while partitions run; without this, /run/vmbus, or vmbus in the user's run-time folder" }, "Service:State"),
            (new("--http")
            {
                HelpName = "PLACES",
                Description = "Where metrics, health and the dashboard are served: unix (http.sock in the state folder, which is the default), unix:PATH, ADDRESS:PORT, several with commas, or none",
            }, "Service:Http"),
            (new("--group") { HelpName = "GROUP", Description = "Group whose members may use the service and its partitions, beside root and the service's user" }, "Service:Group"),
        ];
        var command = new Command(
            "serve",
            "Runs the parent-partition service in the foreground, as its systemd unit does. More settings are in appsettings.json in /etc/vmbus, or in vmbus in the user's configuration folder, "
                + "and in variables VMBUSD_SECTION__NAME. Partitions run on when the service ends, and are found again by the next.");
        foreach ((Option<string?> option, _) in settings) command.Add(option);
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            string path = Find() ?? throw new IOException($"The program {Program} is neither beside this one nor in PATH: install the package vmbus whole.");
            string[] words = [path, .. settings.Where(setting => parsed.GetValue(setting.Option) is not null).Select(setting => $"--{setting.Setting}={parsed.GetValue(setting.Option)}")];
            throw new LinuxException($"Starting '{path}' failed", ProgramImage.Become(path, words));
        }));
        return command;
    }

    private static string? Find()
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Prepend(AppContext.BaseDirectory).Select(static folder => Path.Combine(folder, Program)).FirstOrDefault(File.Exists);
}
