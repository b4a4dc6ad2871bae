using System.CommandLine;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus dissector</c>: the dissector by which Wireshark shows traces.</summary>
internal static class DissectorCommand
{
    private const string Resource = "vmbus.lua";

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        var command = new Command(
            "dissector",
            "Prints a dissector in Lua by which Wireshark and tshark show what 'vmbus trace' records: 'vmbus dissector > ~/.local/lib/wireshark/plugins/vmbus.lua', or 'tshark -X lua_script:FILE'.");
        command.SetAction(static _ =>
        {
            using Stream text = typeof(DissectorCommand).Assembly.GetManifestResourceStream(Resource)!;
            using Stream output = Console.OpenStandardOutput();
            text.CopyTo(output);
        });
        return command;
    }
}
