namespace VmBus.Lanes;

/// <summary>Receives the end of an I/O that a lane carried out.</summary>
public interface IIoCompletion
{
    /// <summary>Called once per accepted I/O, on the lane's thread.</summary>
    /// <param name="tag">The value given when the I/O was started.</param>
    /// <param name="result">Bytes done, or 0 for operations without data; negative errno on failure.</param>
    void Complete(int tag, int result);
}
