using System.Globalization;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Monitor;

/// <summary>
/// Has commands carried out and puts the answers into words: for the monitor, whose verbs are here, and for the command line, whose verbs are at
/// the other end of a control socket. One thread.
/// </summary>
/// <param name="verbs">Carries verbs out.</param>
/// <param name="terminal">Where progress is shown; null for nowhere.</param>
internal sealed class MonitorExecutor(IControlCaller verbs, TextWriter? terminal = null)
{
    private readonly IntegrationExecutor _integration = new(verbs, terminal);

    /// <summary>Carries a line out.</summary>
    /// <returns>The answer: lines that end with a line feed; <c>error: …</c> in one line when it cannot be done.</returns>
    public async Task<string> ExecuteAsync(string line)
    {
        try
        {
            if (MonitorCommand.Parse(line) is not { } command) return "";
            return (await ExecuteAsync(command, CancellationToken.None).ConfigureAwait(false)).Text;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or UsageException)
        {
            return $"error: {exception.Message.ReplaceLineEndings(" ")}\n";
        }
    }

    /// <summary>Carries a command out.</summary>
    /// <exception cref="IOException">It cannot be done; the message is one line for people.</exception>
    public async Task<Answer> ExecuteAsync(MonitorCommand command, CancellationToken cancellation)
    {
        Task<TResult> Call<TParameters, TResult>(ControlVerb<TParameters, TResult> verb, TParameters parameters)
            where TParameters : IControlValue<TParameters>
            where TResult : IControlValue<TResult>
            => verbs.CallAsync(verb, parameters, cancellation);

        switch (command)
        {
            case MonitorCommand.ShowHelp:
                return Answer.Of(NoValue.Instance, MonitorCommand.Help);
            case MonitorCommand.ShowInfo:
                PartitionReport partition = await Call(PartitionVerb.Show, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(partition, PartitionText.Describe(partition));
            case MonitorCommand.ShowMemory:
                MemoryReport memory = await Call(PartitionVerb.ShowMemory, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(memory, MemoryText.Describe(memory));
            case MonitorCommand.SetMemory set:
                MemoryReport changed = await Call(PartitionVerb.SetMemory, new MemoryRequest(set.Bytes)).ConfigureAwait(false);
                return Answer.Of(changed, $"the guest has {SizeParser.Format(changed.AssignedBytes)} of memory\n");
            case MonitorCommand.ListDisks:
                DiskList disks = await Call(PartitionVerb.ListDisks, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(disks, DiskText.List(disks.Disks));
            case MonitorCommand.AddDisk add:
                DiskReport disk = await Call(PartitionVerb.AddDisk, new AddRequest(add.Options)).ConfigureAwait(false);
                return Answer.Of(disk, $"disk {disk.Id} added: LUN {disk.Lun}, {SizeParser.Format(disk.Bytes)}\n");
            case MonitorCommand.RemoveDisk remove:
                RemoveReply removal = await Call(PartitionVerb.RemoveDisk, new RemoveRequest(remove.Id)).ConfigureAwait(false);
                return Answer.Of(removal, removal.Done
                    ? $"disk {remove.Id} removed\n"
                    : $"disk {remove.Id} is gone from the guest, but its last commands still run: its image is closed when they end (disk list shows it until then)\n");
            case MonitorCommand.ResizeDisk resize:
                ResizeReply resized = await Call(PartitionVerb.ResizeDisk, new ResizeRequest(resize.Id, resize.Bytes)).ConfigureAwait(false);
                return Answer.Of(resized, DiskText.Resized(resized));
            case MonitorCommand.ListNics:
                NicList nics = await Call(PartitionVerb.ListNics, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(nics, NicText.List(nics.Nics));
            case MonitorCommand.AddNic add:
                NicReport nic = await Call(PartitionVerb.AddNic, new AddRequest(add.Options)).ConfigureAwait(false);
                return Answer.Of(nic, $"network adapter {nic.Id} added: {nic.Link}, {nic.Address}\n");
            case MonitorCommand.RemoveNic remove:
                RemoveReply unplugged = await Call(PartitionVerb.RemoveNic, new RemoveRequest(remove.Id)).ConfigureAwait(false);
                return Answer.Of(unplugged, unplugged.Done
                    ? $"network adapter {remove.Id} removed\n"
                    : $"network adapter {remove.Id} still has frames on their way: it is closed when they are done (nic list shows it until then)\n");
            case IntegrationCommand integration:
                return await _integration.ExecuteAsync(integration, cancellation).ConfigureAwait(false);
            case MonitorCommand.PowerOff powerOff:
                PowerOffReply pressed = await Call(PartitionVerb.PowerOff, new PowerOffRequest((long?)powerOff.Limit?.TotalMilliseconds)).ConfigureAwait(false);
                return Answer.Of(pressed, string.Create(
                    CultureInfo.InvariantCulture, $"the guest is asked to power off; the partition ends in {pressed.LimitMs / 1000.0} s at the latest\n"));
            case MonitorCommand.Quit:
                return Answer.Of(await Call(PartitionVerb.Kill, NoValue.Instance).ConfigureAwait(false), "");
        }

        throw new InvalidOperationException($"Unknown command {command}");
    }
}
