using VmBus.Native.Linux;
using VmBus.Sockets.Connectors;

namespace VmBus.Host.Devices;

/// <summary>Starts the program that connects to sockets of the host for a partition's process: <c>vmbus connect</c>, which ends when nobody can ask it any more.</summary>
/// <remarks>Of root's rights it keeps the one that connecting takes. Source: protocol-spec/given.md#connecting, setpriv(1).</remarks>
internal static class ConnectorProgram
{
    private const string Command = "connect";

    /// <summary>Starts it.</summary>
    /// <param name="places">Where it connects to.</param>
    /// <returns>For each of these the connection that asks it.</returns>
    /// <exception cref="IOException">It does not start.</exception>
    public static IReadOnlyList<LinuxFile> Start(IReadOnlyList<ConnectPlace> places)
    {
        string program = Environment.ProcessPath ?? throw new IOException("This program does not know its own file, which it needs to start another.");
        List<LinuxFile> ours = [], theirs = [];
        try
        {
            foreach (ConnectPlace _ in places)
            {
                (LinuxFile our, LinuxFile their) = UnixStream.CreatePair();
                ours.Add(our);
                theirs.Add(their);
            }

            var words = new ChildProgram(program, [Command, .. places.Select(static place => place.ToString())]) { Descriptors = theirs, Capabilities = ["dac_override"] };
            using LastingProcess started = LastingProcess.TryStart(words) ?? throw new IOException($"The program '{program}' is not there any more: install it again.");
            return ours;
        }
        catch
        {
            foreach (LinuxFile our in ours) our.Dispose();
            throw;
        }
        finally
        {
            foreach (LinuxFile their in theirs) their.Dispose();
        }
    }
}
