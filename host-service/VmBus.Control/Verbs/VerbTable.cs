using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.Network.Links;
using VmBus.Storage.Disks;

namespace VmBus.Control.Verbs;

/// <summary>The verbs there are, each with what carries it out: for the monitor, which calls it here, and for the socket.</summary>
/// <remarks>
/// Filled before it is used; then any thread, several at once. Whatever fails becomes a <see cref="ControlException"/>: an option that is
/// wrong <see cref="ControlErrorCode.BadParameters"/>, everything else that the host refuses <see cref="ControlErrorCode.Failed"/>.
/// </remarks>
public sealed class VerbTable : IControlCaller
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>The verbs of these groups.</summary>
    public VerbTable(params IEnumerable<IVerbGroup> groups)
    {
        foreach (IVerbGroup group in groups) group.AddTo(this);
    }

    /// <summary>Their names.</summary>
    public IEnumerable<string> Names => _entries.Keys;

    /// <summary>Adds a verb.</summary>
    /// <param name="verb">Its name and types.</param>
    /// <param name="carryOut">
    /// Carries it out. It may block the thread, for as long as opening a file does. The token ends waits of whose outcome nobody will hear.
    /// What cannot be done is an <see cref="IOException"/> whose message is one line for people: what, which value, what to do.
    /// </param>
    public void Add<TParameters, TResult>(
        ControlVerb<TParameters, TResult> verb, Func<TParameters, CancellationToken, Task<TResult>> carryOut)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
        => _entries.Add(verb.Name, new Entry<TParameters, TResult>(carryOut));

    /// <inheritdoc/>
    public Task<TResult> CallAsync<TParameters, TResult>(
        ControlVerb<TParameters, TResult> verb, TParameters parameters, CancellationToken cancellation)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
        => _entries.GetValueOrDefault(verb.Name) is Entry<TParameters, TResult> entry
            ? entry.CallAsync(parameters, cancellation)
            : throw Unknown(verb.Name);

    /// <summary>Carries out what a request asks for.</summary>
    /// <returns>The response, in a frame.</returns>
    /// <exception cref="ControlException">It could not be done.</exception>
    internal Task<ReadOnlyMemory<byte>> AnswerAsync(ControlMessage request, CancellationToken cancellation)
        => _entries.TryGetValue(request.Name, out Entry? entry) ? entry.AnswerAsync(request, cancellation) : throw Unknown(request.Name);

    private static ControlException Unknown(string name)
        => new(ControlErrorCode.UnknownVerb, $"There is no verb '{name}' here.");

    private abstract class Entry
    {
        public abstract Task<ReadOnlyMemory<byte>> AnswerAsync(ControlMessage request, CancellationToken cancellation);
    }

    private sealed class Entry<TParameters, TResult>(Func<TParameters, CancellationToken, Task<TResult>> carryOut) : Entry
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
    {
        public async Task<TResult> CallAsync(TParameters parameters, CancellationToken cancellation)
        {
            try
            {
                return await carryOut(parameters, cancellation).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is DiskException { Problem: DiskProblem.BadOption } or LinkException { Problem: LinkProblem.BadOption })
            {
                throw new ControlException(ControlErrorCode.BadParameters, exception.Message, exception);
            }
            catch (Exception exception) when (exception is IOException and not ControlException or UnauthorizedAccessException)
            {
                throw new ControlException(ControlErrorCode.Failed, exception.Message, exception);
            }
        }

        public override async Task<ReadOnlyMemory<byte>> AnswerAsync(ControlMessage request, CancellationToken cancellation)
            => ControlMessage.Response(request.Id, await CallAsync(request.ReadBody<TParameters>(), cancellation).ConfigureAwait(false));
    }
}
