using System.CommandLine;
using VmBus.Cli.Options;
using VmBus.Host.Devices;
using VmBus.Native.Linux;
using VmBus.Native.Sandbox;
using VmBus.Sockets.Connectors;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus connect</c>: connects to sockets of the host for the process of a partition, which may not.</summary>
internal static class ConnectCommand
{
    /// <summary>Builds the command with its argument.</summary>
    public static Command Create()
    {
        Argument<string[]> places = new("PLACE")
        {
            Arity = ArgumentArity.OneOrMore,
            Description = "vsock=PATH: the programs of the host that a guest's connections go to, as --vsock of 'vmbus run' has it; or vhost-user=PATH: a back-end. The first is asked for by the connection that "
                + "this program has as descriptor 3, the next by descriptor 4, and so on",
        };
        var command = new Command(
            "connect",
            "Connects to sockets of the host with this user's rights for a partition that has none, to these and no others, until nobody asks any more. 'vmbus run --run-as' and 'vmbus give' start it.")
        {
            places,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            List<(ConnectPlace, LinuxFile)> served = [];
            foreach (string text in parsed.GetValue(places)!)
            {
                ConnectPlace place = ConnectPlace.TryParse(text) ?? throw new UsageException($"PLACE '{text}': must be vsock=PATH or vhost-user=PATH.");
                var connection = new LinuxFile(ChildProcess.GivenDescriptor + served.Count);
                if (!UnixSocket.IsConnected(connection)) throw new IOException($"Descriptor {connection.Descriptor} is no connection that could ask for '{text}': this program is started by 'vmbus run --run-as' or 'vmbus give'.");
                served.Add((place, connection));
            }

            // Who asks may have been taken over by its guest. Without such filters it is this program's few lines alone that stand before it.
            _ = SystemCallFilter.TryInstall(allowsPrograms: false);
            foreach ((_, LinuxFile connection) in served) _ = DescriptorIo.Write(connection.Descriptor, [ConnectorProgram.Ready]);
            ConnectorServer.Run(served);
            return ExitStatus.Success;
        }));
        return command;
    }
}
