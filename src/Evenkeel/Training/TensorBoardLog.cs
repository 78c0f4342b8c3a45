using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Evenkeel.Training;

/// <summary>
/// Writes an event file for TensorBoard: <c>train/loss</c> of the steps, <c>lr</c>, and at the end of each epoch the
/// scores, for example <c>train/accuracy</c> and <c>val/accuracy</c>. Step numbers are iterations.
/// </summary>
/// <remarks>
/// Each call of Fit writes a file of its own, <c>events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER</c>. It begins with
/// the mark of a restart, so TensorBoard drops what an interrupted run wrote beyond its last checkpoint. Format:
/// records of TFRecord (length and data, each with a masked CRC-32C) that hold protocol-buffer messages of
/// <c>tensorflow.Event</c>.
/// </remarks>
public sealed class TensorBoardLog : Callback, IDisposable
{
    private static int s_files;

    private FileStream? _file;

    /// <summary>Makes the callback. Nothing is written before Fit.</summary>
    /// <param name="folder">The folder of the run. It is created if it is missing.</param>
    /// <param name="everySteps">Iterations between two losses. Default: 10.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="everySteps"/> is below 1.</exception>
    public TensorBoardLog(string folder, int everySteps = 10)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfLessThan(everySteps, 1);
        (Folder, EverySteps) = (folder, everySteps);
    }

    /// <summary>The folder of the run.</summary>
    public string Folder { get; }

    /// <summary>Iterations between two losses.</summary>
    public int EverySteps { get; }

    /// <inheritdoc/>
    public override void OnFitBegin(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        Dispose();
        if (!trainer.IsWriter) return;
        Directory.CreateDirectory(Folder);
        string name = $"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds()}.{Environment.MachineName}."
            + $"{Environment.ProcessId}.{Interlocked.Increment(ref s_files)}";
        _file = new FileStream(Path.Combine(Folder, name), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        Write(Event(0).Text(3, "brain.Event:2"));
        // A session log with the status START: what stands at this step or later is dropped.
        if (trainer.Iteration > 0) Write(Event(trainer.Iteration + 1).Bytes(7, new Message().Integer(1, 1)));
    }

    /// <inheritdoc/>
    public override void OnStepEnd(Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        if (trainer.Iteration % EverySteps != 0) return;
        double loss = trainer.History.Losses[^1], rate = trainer.Optimizer.LearningRate;
        Write(trainer.Iteration, ("train/loss", loss), ("lr", rate));
    }

    /// <inheritdoc/>
    public override void OnEpochEnd(Trainer trainer, EpochRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        foreach ((string part, Scores? scores) in new[] { ("train", record.Training), ("val", record.Validation) })
        {
            if (scores is null) continue;
            // The training loss of the steps has this name already.
            IEnumerable<KeyValuePair<string, double>> shown =
                part == "val" ? scores : scores.Where(static score => score.Key != Scores.LossName);
            Write(record.Iteration, [.. shown.Select(score => ($"{part}/{score.Key}", score.Value))]);
        }

        _file?.Flush();
    }

    /// <inheritdoc/>
    public override void OnFitEnd(Trainer trainer, FitEnd end) => Dispose();

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _file?.Dispose();
        _file = null;
    }

    private static Message Event(long step) => new Message()
        .Real(1, (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds).Integer(2, step);

    private void Write(long step, params ReadOnlySpan<(string Tag, double Value)> scalars)
    {
        var summary = new Message();
        foreach ((string tag, double value) in scalars)
            summary.Bytes(1, new Message().Text(1, tag).Single(2, (float)value));
        Write(Event(step).Bytes(5, summary));
    }

    private void Write(Message message)
    {
        if (_file is null) return;
        byte[] data = message.ToArray();
        Span<byte> head = stackalloc byte[12], tail = stackalloc byte[4];
        BinaryPrimitives.WriteInt64LittleEndian(head, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], Masked(head[..8]));
        BinaryPrimitives.WriteUInt32LittleEndian(tail, Masked(data));
        _file.Write(head);
        _file.Write(data);
        _file.Write(tail);
    }

    /// <summary>CRC-32C, turned right by 15 bits, plus a constant, as TFRecord wants it.</summary>
    private static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data) crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }

    /// <summary>A protocol-buffer message in the making.</summary>
    private sealed class Message
    {
        private readonly List<byte> _bytes = [];

        public Message Integer(int field, long value)
        {
            Tag(field, wire: 0);
            Variable((ulong)value);
            return this;
        }

        public Message Real(int field, double value)
        {
            Tag(field, wire: 1);
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
            _bytes.AddRange(bytes);
            return this;
        }

        public Message Single(int field, float value)
        {
            Tag(field, wire: 5);
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
            _bytes.AddRange(bytes);
            return this;
        }

        public Message Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

        public Message Bytes(int field, Message inner) => Bytes(field, inner.ToArray());

        public byte[] ToArray() => [.. _bytes];

        private Message Bytes(int field, byte[] value)
        {
            Tag(field, wire: 2);
            Variable((ulong)value.Length);
            _bytes.AddRange(value);
            return this;
        }

        private void Tag(int field, int wire) => Variable(((ulong)field << 3) | (uint)wire);

        private void Variable(ulong value)
        {
            for (; value >= 0x80; value >>= 7) _bytes.Add((byte)(value | 0x80));
            _bytes.Add((byte)value);
        }
    }
}
