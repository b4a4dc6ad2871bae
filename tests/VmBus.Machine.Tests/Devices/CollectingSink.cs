using System.Text;
using VmBus.Machine.Devices;
using Xunit;

namespace VmBus.Machine.Tests.Devices;

/// <summary>A sink that keeps what it got, and can be made to hold back or fail.</summary>
internal sealed class CollectingSink : ISerialSink, IDisposable
{
    private readonly object _gate = new();
    private readonly MemoryStream _bytes = new();
    private readonly ManualResetEventSlim _open = new(initialState: true);

    public bool Fails { get; init; }

    public int Writes { get; private set; }

    public void HoldBack() => _open.Reset();

    public void LetGo() => _open.Set();

    public void Write(ReadOnlySpan<byte> bytes)
    {
        _open.Wait();
        if (Fails) throw new IOException("gone");
        lock (_gate)
        {
            Writes++;
            _bytes.Write(bytes);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until so many bytes arrived.</summary>
    public byte[] WaitFor(int count)
    {
        lock (_gate)
        {
            while (_bytes.Length < count) Assert.True(Monitor.Wait(_gate, TimeSpan.FromSeconds(30)), $"{_bytes.Length} of {count} bytes arrived");
            return _bytes.ToArray();
        }
    }

    public string WaitForText(int count) => Encoding.ASCII.GetString(WaitFor(count));

    public void Dispose() => _open.Dispose();
}
