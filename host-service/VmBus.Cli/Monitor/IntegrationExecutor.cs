using System.Diagnostics;
using System.Globalization;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Control.Verbs;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;
using VmBus.Providers.Integration;

namespace VmBus.Cli.Monitor;

/// <summary>Has the commands for the guest itself carried out and puts the answers into words. One thread.</summary>
/// <param name="verbs">Carries verbs out.</param>
/// <param name="terminal">Where progress is shown; null for nowhere.</param>
internal sealed class IntegrationExecutor(IControlCaller verbs, TextWriter? terminal = null)
{
    private static readonly TimeSpan ProgressPeriod = TimeSpan.FromMilliseconds(250);

    /// <summary>Carries a command out.</summary>
    /// <exception cref="IOException">It cannot be done; the message is one line for people.</exception>
    public async Task<Answer> ExecuteAsync(IntegrationCommand command, CancellationToken cancellation)
    {
        Task<TResult> Call<TParameters, TResult>(ControlVerb<TParameters, TResult> verb, TParameters parameters)
            where TParameters : IControlValue<TParameters>
            where TResult : IControlValue<TResult>
            => verbs.CallAsync(verb, parameters, cancellation);

        switch (command)
        {
            case IntegrationCommand.ListServices:
                ServiceList services = await Call(GuestVerb.ListServices, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(services, GuestReports.List(services.Services));
            case IntegrationCommand.ShutDown shutDown:
                await Call(GuestVerb.ShutDown, new ShutdownRequest(Words.Of(shutDown.Action), shutDown.Force)).ConfigureAwait(false);
                return Done(shutDown.Action switch
                {
                    GuestShutdown.PowerOff => "the guest powers off\n",
                    GuestShutdown.Reboot => "the guest starts again\n",
                    GuestShutdown.Hibernate => "the guest hibernates\n",
                });
            case IntegrationCommand.ShowHeartbeat:
                HeartbeatReport heartbeat = await Call(GuestVerb.Heartbeat, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(heartbeat, GuestReports.Describe(heartbeat));
            case IntegrationCommand.SynchronizeTime:
                await Call(GuestVerb.SynchronizeTime, NoValue.Instance).ConfigureAwait(false);
                return Done("the guest has set its clock\n");
            case IntegrationCommand.ListItems list:
                ItemList items = await Call(GuestVerb.ListItems, new PoolRequest(WordOf(list.Pool))).ConfigureAwait(false);
                return Answer.Of(items, GuestReports.List(items.Items));
            case IntegrationCommand.GetItem get:
                ItemReply item = await Call(GuestVerb.GetItem, new KeyRequest(WordOf(get.Pool), get.Key)).ConfigureAwait(false);
                return item.Text is { } value ? Answer.Of(item, PeerText.Escape(value) + "\n") : throw NoSuchKey(get.Key, get.Pool);
            case IntegrationCommand.SetItem set:
                await Call(GuestVerb.SetItem, new ItemRequest(Words.Of(set.Pool), set.Key, set.Value)).ConfigureAwait(false);
                return Done($"{set.Key} is set in the pool {IntegrationCommand.WordOf(set.Pool)}\n");
            case IntegrationCommand.RemoveItem remove:
                FoundReply removed = await Call(GuestVerb.RemoveItem, new KeyRequest(Words.Of(remove.Pool), remove.Key)).ConfigureAwait(false);
                return removed.Found
                    ? Answer.Of(removed, $"{remove.Key} is removed from the pool {IntegrationCommand.WordOf(remove.Pool)}\n")
                    : throw NoSuchKey(remove.Key, remove.Pool);
            case IntegrationCommand.ShowAddresses:
                AddressList addresses = await Call(GuestVerb.ListAddresses, NoValue.Instance).ConfigureAwait(false);
                return Answer.Of(addresses, GuestReports.List(addresses.Adapters));
            case IntegrationCommand.SetAddresses set:
                await Call(GuestVerb.SetAddresses, RequestFor(set)).ConfigureAwait(false);
                return Done($"the guest uses them on network adapter {set.Nic}\n");
            case IntegrationCommand.Freeze freeze:
                await Call(GuestVerb.Freeze, new FreezeRequest((long)freeze.Limit.TotalMilliseconds)).ConfigureAwait(false);
                return Done(string.Create(CultureInfo.InvariantCulture, $"the guest's file systems are frozen; they are thawed in {freeze.Limit.TotalSeconds} s at the latest\n"));
            case IntegrationCommand.Thaw:
                await Call(GuestVerb.Thaw, NoValue.Instance).ConfigureAwait(false);
                return Done("the guest's file systems are thawed\n");
            case IntegrationCommand.Copy copy:
                long start = Stopwatch.GetTimestamp();
                CopyReply copied = await WatchAsync(Call(GuestVerb.CopyFile, RequestFor(copy)), copy.File, cancellation).ConfigureAwait(false);
                return Answer.Of(copied, string.Create(
                    CultureInfo.InvariantCulture, $"{copy.File} copied: {SizeParser.Format(copied.Bytes)} in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s\n"));
        }

        throw new InvalidOperationException($"Unknown command {command}");
    }

    // A partition of an older version does not tell.
    private async Task<CopyReply> WatchAsync(Task<CopyReply> copy, string file, CancellationToken cancellation)
    {
        if (terminal is null) return await copy.ConfigureAwait(false);
        var line = new ProgressLine(terminal, file);
        try
        {
            while (await Task.WhenAny(copy, Task.Delay(ProgressPeriod, cancellation)).ConfigureAwait(false) != copy)
            {
                CopyProgress progress = await verbs.CallAsync(GuestVerb.CopyProgress, NoValue.Instance, cancellation).ConfigureAwait(false);
                if (progress is { Copied: { } done, Bytes: { } all }) line.Show(done, all);
            }
        }
        catch (ControlException exception) when (exception.Code == ControlErrorCode.UnknownVerb)
        {
        }
        finally
        {
            line.End();
        }

        return await copy.ConfigureAwait(false);
    }

    private static Answer Done(string text) => Answer.Of(NoValue.Instance, text);

    private static string? WordOf(KvpPool? pool) => pool is { } known ? Words.Of(known) : null;

    private static IOException NoSuchKey(string key, KvpPool? pool)
        => new($"There is no key '{key}'{(pool is { } wanted ? $" in the pool {IntegrationCommand.WordOf(wanted)}" : "")}: 'kvp list' shows those that are.");

    private static AddressRequest RequestFor(IntegrationCommand.SetAddresses set) => new(
        set.Nic,
        set.Addresses.Families == KvpAddressFamilies.IPv6 ? "ipv6" : "ipv4",
        set.Addresses.Dhcp,
        set.Addresses.Addresses,
        set.Addresses.Subnets,
        set.Addresses.Gateways,
        set.Addresses.NameServers);

    // The folder that the command is given in is not the partition's.
    private static CopyRequest RequestFor(IntegrationCommand.Copy copy) => new(
        Path.GetFullPath(copy.File), copy.GuestPath, (copy.Flags & FileCopyFlags.Overwrite) != 0, (copy.Flags & FileCopyFlags.CreatePath) != 0);
}
