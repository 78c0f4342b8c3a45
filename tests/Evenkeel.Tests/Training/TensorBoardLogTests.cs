using System.Buffers.Binary;
using System.Text;
using Evenkeel.Training;
using Xunit;
using static Evenkeel.Tests.Training.TrainingCase;

namespace Evenkeel.Tests.Training;

/// <summary>The event files, read by a reader that shares nothing with the writer.</summary>
public sealed class TensorBoardLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evenkeel-events").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_it_writes_is_what_the_history_says()
    {
        using var log = new TensorBoardLog(Path.Combine(_folder, "new", "run"), everySteps: 2);
        Trainer trainer = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 20, Callbacks = [log] });
        DateTime begun = DateTime.UtcNow;
        History history = trainer.Fit(Samples(100, 1), Samples(40, 2));
        string path = Assert.Single(Directory.GetFiles(Path.Combine(_folder, "new", "run")));
        Assert.Matches(@"^events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+$", Path.GetFileName(path));
        List<EventRecord> events = EventFile.Read(path);
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.All(events, e => Assert.InRange(
            DateTime.UnixEpoch.AddSeconds(e.Time), begun.AddSeconds(-1), DateTime.UtcNow.AddSeconds(1)));
        Assert.DoesNotContain(events, static e => e.IsRestart);

        var expected = new List<(long Step, string Tag, float Value)>();
        for (int step = 1; step <= 10; step++)
        {
            if (step % 2 == 0)
            {
                expected.Add((step, "train/loss", (float)history.Losses[step - 1]));
                expected.Add((step, "lr", 0.02f));
            }

            if (step % 5 != 0) continue;
            EpochRecord record = history.Epochs[(step / 5) - 1];
            expected.Add((step, "train/accuracy", (float)record.Training!["accuracy"]));
            expected.Add((step, "val/loss", (float)record.Validation!.Loss));
            expected.Add((step, "val/accuracy", (float)record.Validation["accuracy"]));
        }

        Assert.Equal(expected, events.SelectMany(static e => e.Scalars.Select(s => (e.Step, s.Tag, s.Value))));
    }

    [Fact]
    public void A_resumed_run_begins_a_file_with_a_restart_at_its_step()
    {
        string checkpoint = Path.Combine(_folder, "half.safetensors"), logs = Path.Combine(_folder, "logs");
        using (var first = new TensorBoardLog(logs, everySteps: 1))
        {
            Trainer half = CreateFull(new TrainerOptions { Epochs = 1, BatchSize = 20, Callbacks = [first] });
            half.Fit(Samples(100, 1));
            half.SaveCheckpoint(checkpoint);
        }

        using var log = new TensorBoardLog(logs, everySteps: 1);
        Trainer resumed = CreateFull(new TrainerOptions { Epochs = 2, BatchSize = 20, Callbacks = [log] });
        resumed.Resume(checkpoint);
        resumed.Fit(Samples(100, 1));
        string[] files = Directory.GetFiles(logs);
        Assert.Equal(2, files.Length);
        List<EventRecord>[] events = [.. files.Select(EventFile.Read).OrderBy(static file => file[^1].Step)];
        Assert.DoesNotContain(events[0], static e => e.IsRestart);
        // TensorBoard drops what it has read of this step and later ones.
        EventRecord restart = Assert.Single(events[1], static e => e.IsRestart);
        Assert.Equal(6, restart.Step);
        Assert.Equal([6L, 7, 8, 9, 10],
            events[1].Where(static e => e.Scalars.Any(s => s.Tag == "train/loss")).Select(static e => e.Step));
    }

    [Fact]
    public void A_file_of_a_run_that_was_killed_is_whole_up_to_the_last_epoch()
    {
        using var log = new TensorBoardLog(_folder, everySteps: 1);
        byte[] atEpoch = [];
        Trainer trainer = CreateFull(new TrainerOptions
        {
            Epochs = 1,
            BatchSize = 20,
            Callbacks =
            [
                log,
                // What stands on the disk while the file is open.
                new Calls
                {
                    EpochEnd = (_, _) =>
                    {
                        using var file = new FileStream(Directory.GetFiles(_folder)[0], FileMode.Open, FileAccess.Read,
                            FileShare.ReadWrite);
                        atEpoch = new byte[file.Length];
                        file.ReadExactly(atEpoch);
                    },
                },
            ],
        });
        trainer.Fit(Samples(100, 1));
        List<EventRecord> events = EventFile.Read(atEpoch);
        Assert.Equal(5, events[^1].Step);
        Assert.Contains(events[^1].Scalars, static s => s.Tag == "train/accuracy");
    }

    [Fact]
    public void What_does_not_fit_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new TensorBoardLog(_folder, 0));

    private sealed record EventRecord(
        double Time, long Step, string? Version, bool IsRestart, List<(string Tag, float Value)> Scalars);

    /// <summary>
    /// TFRecord: length (8 bytes), its masked CRC-32C, data, their masked CRC-32C. The data are a
    /// <c>tensorflow.Event</c>: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7; a summary's
    /// value = 1 has tag = 1 and simple_value = 2.
    /// </summary>
    private static class EventFile
    {
        private static readonly uint[] s_table = Table();

        public static List<EventRecord> Read(string path) => Read(File.ReadAllBytes(path));

        public static List<EventRecord> Read(byte[] bytes)
        {
            var events = new List<EventRecord>();
            for (int at = 0; at < bytes.Length;)
            {
                int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
                Check(bytes.AsSpan(at, 8), bytes.AsSpan(at + 8));
                Check(bytes.AsSpan(at + 12, length), bytes.AsSpan(at + 12 + length));
                events.Add(Event(bytes.AsSpan(at + 12, length)));
                at += length + 16;
            }

            return events;
        }

        private static EventRecord Event(ReadOnlySpan<byte> data)
        {
            double time = 0;
            long step = 0;
            string? version = null;
            bool isRestart = false;
            var scalars = new List<(string, float)>();
            foreach ((int field, int wire, ulong number, byte[] inner) in Fields(data))
            {
                switch (field, wire)
                {
                    case (1, 1): time = BitConverter.UInt64BitsToDouble(number); break;
                    case (2, 0): step = (long)number; break;
                    case (3, 2): version = Encoding.UTF8.GetString(inner); break;
                    case (5, 2): scalars.AddRange(Fields(inner).Select(value => Scalar(value.Inner))); break;
                    case (7, 2):
                        isRestart = Fields(inner) is [(1, 0, 1, _)];
                        Assert.True(isRestart);
                        break;
                    default: Assert.Fail($"field {field} of wire type {wire}"); break;
                }
            }

            return new EventRecord(time, step, version, isRestart, scalars);
        }

        private static (string, float) Scalar(byte[] value)
        {
            List<(int Field, int Wire, ulong Number, byte[] Inner)> fields = Fields(value);
            Assert.Equal([(1, 2), (2, 5)], fields.Select(static field => (field.Field, field.Wire)));
            return (Encoding.UTF8.GetString(fields[0].Inner), BitConverter.UInt32BitsToSingle((uint)fields[1].Number));
        }

        private static List<(int Field, int Wire, ulong Number, byte[] Inner)> Fields(ReadOnlySpan<byte> data)
        {
            var fields = new List<(int, int, ulong, byte[])>();
            while (data.Length > 0)
            {
                ulong key = Variable(ref data), number = 0;
                byte[] inner = [];
                int wire = (int)(key & 7), size = wire switch { 1 => 8, 5 => 4, _ => 0 };
                switch (wire)
                {
                    case 0: number = Variable(ref data); break;
                    case 1: number = BinaryPrimitives.ReadUInt64LittleEndian(data); break;
                    case 5: number = BinaryPrimitives.ReadUInt32LittleEndian(data); break;
                    default:
                        size = (int)Variable(ref data);
                        inner = data[..size].ToArray();
                        break;
                }

                data = data[size..];
                fields.Add(((int)(key >> 3), wire, number, inner));
            }

            return fields;
        }

        private static ulong Variable(ref ReadOnlySpan<byte> data)
        {
            ulong value = 0;
            int shift = 0, at = 0;
            for (; ; shift += 7)
            {
                byte next = data[at++];
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80) break;
            }

            data = data[at..];
            return value;
        }

        private static void Check(ReadOnlySpan<byte> data, ReadOnlySpan<byte> crc)
        {
            uint sum = ~0u;
            foreach (byte value in data) sum = s_table[(byte)(sum ^ value)] ^ (sum >> 8);
            sum = ~sum;
            uint masked = ((sum >> 15) | (sum << 17)) + 0xa282ead8u;
            Assert.Equal(masked, BinaryPrimitives.ReadUInt32LittleEndian(crc));
        }

        /// <summary>CRC-32C by table: the reflected polynomial of Castagnoli.</summary>
        private static uint[] Table()
        {
            var table = new uint[256];
            for (uint i = 0; i < 256; i++)
            {
                uint value = i;
                for (int bit = 0; bit < 8; bit++) value = (value & 1) == 1 ? (value >> 1) ^ 0x82f63b78u : value >> 1;
                table[i] = value;
            }

            return table;
        }
    }
}
