using Microsoft.Win32.SafeHandles;
using VmBus.Protocol.Integration;

namespace VmBus.Providers.Integration;

/// <summary>Copies files of the host into the guest. Any thread; one file at a time.</summary>
/// <remarks>Source: protocol-spec/integration-data.md#file-copy.</remarks>
public sealed class FileCopyService
{
    // Linux gives its daemon 30 seconds and then answers itself.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(40);

    private readonly IntegrationProvider _provider;
    private int _isBusy;
    private long _copied;
    private long _bytes;

    /// <summary>The verb of a provider of <see cref="IntegrationServices.FileCopy"/>.</summary>
    public FileCopyService(IntegrationProvider provider) => _provider = provider;

    /// <summary>How much of the file that is being copied is in the guest, and how much it is; null when none is.</summary>
    public (long Copied, long Bytes)? Progress => Volatile.Read(ref _isBusy) == 0 ? null : (Volatile.Read(ref _copied), Volatile.Read(ref _bytes));

    /// <summary>Copies a file as it is now.</summary>
    /// <param name="path">The file.</param>
    /// <param name="guestPath">Where it goes: with a slash at its end a folder, in which it keeps its name.</param>
    /// <param name="flags">What the guest may do for it.</param>
    /// <param name="cancellation">Gives it up: the guest is told to remove what it has.</param>
    /// <returns>Bytes copied.</returns>
    /// <exception cref="IntegrationException">The guest does not take it; no part of it is left there if the guest can help it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file must not be read.</exception>
    public Task<long> CopyAsync(string path, string guestPath, FileCopyFlags flags, CancellationToken cancellation) => CopyAsync(path, null, guestPath, flags, cancellation);

    /// <summary>The same for a file that is open already, which stays the caller's.</summary>
    public async Task<long> CopyAsync(string path, SafeFileHandle? open, string guestPath, FileCopyFlags flags, CancellationToken cancellation)
    {
        (string folder, string name) = Split(path, guestPath);
        if (open is null && Directory.Exists(path)) throw new IOException($"'{path}' is a folder: a file is copied at a time.");
        using SafeFileHandle? own = open is null ? File.OpenHandle(path, options: FileOptions.SequentialScan) : null;
        SafeFileHandle file = open ?? own!;
        long bytes = RandomAccess.GetLength(file);
        if (Interlocked.Exchange(ref _isBusy, 1) != 0) throw _provider.Failure(IntegrationProblem.Busy, "another file is being copied: wait until it is done.");
        Volatile.Write(ref _copied, 0);
        Volatile.Write(ref _bytes, bytes);
        try
        {
            await SendAsync(file, path, bytes, folder, name, flags, cancellation).ConfigureAwait(false);
            return bytes;
        }
        finally
        {
            Volatile.Write(ref _isBusy, 0);
        }
    }

    private async Task SendAsync(
        SafeFileHandle file, string path, long bytes, string folder, string name, FileCopyFlags flags, CancellationToken cancellation)
    {
        bool isThere = true;
        try
        {
            IntegrationStatus started = await RequestAsync(
                FileCopyMessages.StartSize, body => FileCopyMessages.WriteStart(body, folder, name, flags, bytes), cancellation).ConfigureAwait(false);
            // A file that the guest did not make is not to be removed: it may have been there before.
            isThere = started == IntegrationStatus.Success;
            if (!isThere) throw _provider.Refusal("make the file", started);
            await SendDataAsync(file, path, bytes, cancellation).ConfigureAwait(false);
            IntegrationStatus ended = await EndAsync(FileCopyOperation.Complete, cancellation).ConfigureAwait(false);
            if (ended != IntegrationStatus.Success) throw _provider.Refusal("complete the file", ended);
        }
        catch when (isThere)
        {
            await CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task SendDataAsync(SafeFileHandle file, string path, long bytes, CancellationToken cancellation)
    {
        var buffer = new byte[FileCopyMessages.MaximumDataBytes];
        for (long position = 0; position < bytes;)
        {
            int wanted = (int)Math.Min(buffer.Length, bytes - position);
            int count = await RandomAccess.ReadAsync(file, buffer.AsMemory(0, wanted), position, cancellation).ConfigureAwait(false);
            if (count == 0) throw new IOException($"'{path}' has become shorter while it was copied: copy it again.");
            long at = position;
            IntegrationStatus status = await RequestAsync(
                FileCopyMessages.WriteSize, body => FileCopyMessages.WriteData(body, at, buffer.AsSpan(0, count)), cancellation).ConfigureAwait(false);
            if (status != IntegrationStatus.Success) throw _provider.Refusal("write the file", status);
            position += count;
            Volatile.Write(ref _copied, position);
        }
    }

    // The failure that led here is the one to tell.
    private async Task CancelAsync()
    {
        try
        {
            _ = await EndAsync(FileCopyOperation.Cancel, CancellationToken.None).ConfigureAwait(false);
        }
        catch (IntegrationException)
        {
        }
    }

    private Task<IntegrationStatus> EndAsync(FileCopyOperation operation, CancellationToken cancellation)
        => RequestAsync(FileCopyMessages.EndSize, body => FileCopyMessages.WriteEnd(body, operation), cancellation);

    private Task<IntegrationStatus> RequestAsync(int bytes, SpanWriter write, CancellationToken cancellation) => _provider.RequestAsync(
        _ => bytes,
        (body, _) =>
        {
            write(body);
            return true;
        },
        AnswerLimit,
        cancellation);

    // Guests make the folders that end with a slash, so it stays at the folder's end.
    private (string Folder, string Name) Split(string path, string guestPath)
    {
        int slash = guestPath.AsSpan().LastIndexOfAny('/', '\\');
        if (slash < 0) throw _provider.Failure(IntegrationProblem.BadRequest, $"'{guestPath}' names no folder of the guest: write the whole path, from / on.");
        string folder = guestPath[..(slash + 1)];
        string name = slash + 1 < guestPath.Length ? guestPath[(slash + 1)..] : Path.GetFileName(path);
        if (name is "" or "." or "..") throw _provider.Failure(IntegrationProblem.BadRequest, $"'{guestPath}' names no file.");
        if (folder.Length >= FileCopyMessages.MaximumCharacters || name.Length >= FileCopyMessages.MaximumCharacters)
        {
            throw _provider.Failure(
                IntegrationProblem.BadRequest, $"a folder and a name in the guest have fewer than {FileCopyMessages.MaximumCharacters} characters each.");
        }

        return (folder, name);
    }

    private delegate void SpanWriter(Span<byte> body);
}
