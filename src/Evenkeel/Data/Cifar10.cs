using System.Formats.Tar;

namespace Evenkeel.Data;

/// <summary>The parts of CIFAR-10 to read.</summary>
[Flags]
public enum Cifar10Parts
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The 50,000 training images.</summary>
    Train = 1,

    /// <summary>The 10,000 test images.</summary>
    Test = 2,

    /// <summary>Both.</summary>
    All = Train | Test,
}

/// <summary>CIFAR-10 in the parts of its authors. A part that was not asked for is null.</summary>
/// <param name="Train">50,000 training images.</param>
/// <param name="Test">10,000 test images.</param>
/// <param name="Origin">Whether the checksums are those of CIFAR-10.</param>
public sealed record Cifar10Data(ImageSet? Train, ImageSet? Test, DataOrigin Origin);

/// <summary>
/// Training, validation and test images, and the mean of the whole training part, even if only some of its images are
/// kept.
/// </summary>
/// <param name="Train">Training images.</param>
/// <param name="Validation">Validation images.</param>
/// <param name="Test">Test images.</param>
/// <param name="MeanImage">The mean image of the training part, (C, H, W).</param>
public sealed record Cifar10Split(ImageSet Train, ImageSet Validation, ImageSet Test, float[] MeanImage);

/// <summary>
/// Reads CIFAR-10 (Krizhevsky 2009) in its binary layout: 60,000 colour images of 3x32x32 in ten classes. Each of the
/// six files has 10,000 records of one label byte and 3072 pixel bytes.
/// </summary>
/// <remarks>
/// A path is the archive <c>cifar-10-binary.tar.gz</c> as downloaded, the folder <c>cifar-10-batches-bin</c> from it,
/// or a folder that holds either. An archive is streamed straight into the arrays of the sets. It is read to its end,
/// because its checksum stands there. Sets are named "CIFAR-10 train" if the checksums are the published ones,
/// otherwise "CIFAR-10 train (unverified)".
/// </remarks>
public static class Cifar10
{
    /// <summary>The name of the archive as it is downloaded.</summary>
    public const string ArchiveName = "cifar-10-binary.tar.gz";

    /// <summary>The name of the folder inside the archive.</summary>
    public const string FolderName = "cifar-10-batches-bin";

    /// <summary>Training images in the set.</summary>
    public const int TrainCount = 50000;

    /// <summary>Test images in the set.</summary>
    public const int TestCount = 10000;

    internal const int ImageSize = 3 * 32 * 32;
    internal const int RecordSize = 1 + ImageSize;
    internal const int RecordsPerBatch = 10000;
    private const int TrainBatches = TrainCount / RecordsPerBatch;

    private static readonly string[] s_batchNames =
    [
        "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
        "test_batch.bin",
    ];

    /// <summary>The ten classes, by label.</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
        Array.AsReadOnly(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]);

    /// <summary>
    /// Whether <see cref="Load"/> would find the archive or the folder there. It does not look inside.
    /// </summary>
    public static bool Exists(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Locate(path) is not null;
    }

    /// <summary>Reads whole parts of the set.</summary>
    /// <param name="path">The archive, the folder from it, or a folder that holds either.</param>
    /// <param name="parts">What to read.</param>
    /// <param name="progress">Receives the share of the input read, 0 to 1.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="FileNotFoundException">
    /// There is no CIFAR-10 at <paramref name="path"/>, or a batch file is missing.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The archive is not a gzip file, is truncated or damaged, a batch has the wrong size, or a label is above 9.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Cifar10Data Load(
        string path, Cifar10Parts parts = Cifar10Parts.All, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Part? train = parts.HasFlag(Cifar10Parts.Train) ? new Part(0, TrainCount) : null;
        Part? test = parts.HasFlag(Cifar10Parts.Test) ? new Part(TrainCount, TestCount) : null;
        (string source, DataOrigin origin) = Read(path, [train, test], null, 0, progress, cancellationToken);
        return new Cifar10Data(
            train?.ToSet(origin.Part("train"), source), test?.ToSet(origin.Part("test"), source), origin);
    }

    /// <summary>
    /// The split of CS231n's <c>get_CIFAR10_data</c>: the first <paramref name="numTraining"/> training images for
    /// training, the next <paramref name="numValidation"/> for validation, and the first <paramref name="numTest"/>
    /// test images for testing. The mean image is that of the training part.
    /// </summary>
    /// <param name="path">The archive, the folder from it, or a folder that holds either.</param>
    /// <param name="numTraining">Number of training images, 1 or more.</param>
    /// <param name="numValidation">Validation images.</param>
    /// <param name="numTest">Test images.</param>
    /// <param name="keepTraining">
    /// Number of training images to keep in memory, from the first on. The mean is over all
    /// <paramref name="numTraining"/>. The notebook's small nets train on the first 1000, which takes 3 MB instead of
    /// 150. Null keeps all.
    /// </param>
    /// <param name="progress">Receives the share of the input read, 0 to 1.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="ArgumentOutOfRangeException">The set does not have that many images.</exception>
    /// <exception cref="FileNotFoundException">
    /// There is no CIFAR-10 at <paramref name="path"/>, or a batch file is missing.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The archive is not a gzip file, is truncated or damaged, a batch has the wrong size, or a label is above 9.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Cifar10Split GetData(
        string path, int numTraining = 49000, int numValidation = 1000, int numTest = 1000, int? keepTraining = null,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(numTraining, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(numValidation);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            (long)numTraining + numValidation, TrainCount, nameof(numTraining));
        ArgumentOutOfRangeException.ThrowIfNegative(numTest);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(numTest, TestCount);
        int keep = keepTraining ?? numTraining;
        ArgumentOutOfRangeException.ThrowIfNegative(keep, nameof(keepTraining));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(keep, numTraining, nameof(keepTraining));

        var train = new Part(0, keep);
        var validation = new Part(numTraining, numValidation);
        var test = new Part(TrainCount, numTest);
        var mean = new ImageMean(ImageSize);
        (string source, DataOrigin origin) = Read(
            path, [train, validation, test], mean, numTraining, progress, cancellationToken);
        return new Cifar10Split(
            train.ToSet(origin.Part("train"), source), validation.ToSet(origin.Part("validation"), source),
            test.ToSet(origin.Part("test"), source), mean.ToArray());
    }

    /// <summary>
    /// Records start to start + count - 1 of the 60,000, read into their final arrays. The test batch follows the
    /// training batches.
    /// </summary>
    private sealed class Part(int start, int count)
    {
        // Every record is written before the set is made. A missing record is an error.
        private readonly byte[] _pixels = GC.AllocateUninitializedArray<byte>(count * ImageSize);
        private readonly int[] _labels = new int[count];

        public int Start => start;

        public int End => start + count;

        public void Put(int record, int label, ReadOnlySpan<byte> image)
        {
            int at = record - start;
            if ((uint)at >= (uint)_labels.Length) return;
            _labels[at] = label;
            image.CopyTo(_pixels.AsSpan(at * ImageSize));
        }

        public ImageSet ToSet(string name, string source) => new(_pixels, _labels, 3, 32, 32, ClassNames, name, source);
    }

    internal static string? Locate(string path)
    {
        if (File.Exists(path)) return path;
        if (!Directory.Exists(path)) return null;
        if (s_batchNames.Any(name => File.Exists(Path.Combine(path, name)))) return path;
        string folder = Path.Combine(path, FolderName), archive = Path.Combine(path, ArchiveName);
        if (Directory.Exists(folder)) return folder;
        return File.Exists(archive) ? archive : null;
    }

    /// <summary>
    /// The files of an archive or folder that <see cref="Locate"/> found. There are fewer than six if some are missing.
    /// </summary>
    internal static IReadOnlyList<string> FilesOf(string found) =>
        File.Exists(found) ? [found] : [.. s_batchNames.Select(name => Path.Combine(found, name)).Where(File.Exists)];

    /// <summary>Which set an archive or folder is.</summary>
    internal static DataOrigin OriginOf(string found) => DataOrigin.Of("CIFAR-10", FilesOf(found));

    private static (string Source, DataOrigin Origin) Read(
        string path, ReadOnlySpan<Part?> parts, ImageMean? mean, int meanCount, IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        string found = Locate(path) ?? throw new FileNotFoundException(
            $"Cifar10: expected {ArchiveName}, the folder {FolderName} or a folder with either at \"{path}\", found " +
                $"{(OtherVersion(path) is { } other ? $"another version of the set: {other}" : "none")}. " +
            "Download the binary version of CIFAR-10, or give the folder that has it.", path);

        // For each batch: how many records from its start are needed.
        Span<int> needed = stackalloc int[s_batchNames.Length];
        for (int batch = 0; batch < needed.Length; batch++)
        {
            int first = batch * RecordsPerBatch,
                last = batch < TrainBatches ? Math.Min(meanCount, first + RecordsPerBatch) : 0;
            foreach (Part? part in parts)
            {
                if (part is not null && part.Start < part.End && part.Start < first + RecordsPerBatch
                    && part.End > first)
                {
                    last = Math.Max(last, Math.Min(part.End, first + RecordsPerBatch));
                }
            }

            needed[batch] = Math.Max(last - first, 0);
        }

        // Runs at the same time as the reading, which takes longer.
        var identified = Task.Run(() => OriginOf(found), cancellationToken);
        var reader = new BatchReader(parts, mean, meanCount, cancellationToken);
        if (Directory.Exists(found)) ReadFolder(found, reader, needed, progress);
        else ReadArchive(found, reader, needed, progress);
        return (found, identified.GetAwaiter().GetResult());
    }

    /// <summary>The other version of the set that lies there instead of the binary one, by its name.</summary>
    private static string? OtherVersion(string path) => Array.Find(
        ["cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1", "cifar-100-binary", "cifar-100-binary.tar.gz",
            "cifar-100-python", "cifar-100-python.tar.gz"],
        name => Path.Exists(Path.Combine(path, name)));

    private static void ReadFolder(
        string folder, BatchReader reader, ReadOnlySpan<int> needed, IProgress<double>? progress)
    {
        for (int batch = 0; batch < needed.Length; batch++)
        {
            if (needed[batch] == 0) continue;
            string file = Path.Combine(folder, s_batchNames[batch]);
            if (!File.Exists(file)) throw MissingBatch(folder, s_batchNames[batch]);
            using var stream = new FileStream(
                file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.SequentialScan);
            CheckSize(file, stream.Length);
            reader.Read(file, stream, batch, needed[batch]);
            progress?.Report((batch + 1.0) / needed.Length);
        }

        progress?.Report(1);
    }

    private static void ReadArchive(
        string archive, BatchReader reader, ReadOnlySpan<int> needed, IProgress<double>? progress)
    {
        int missing = 0;
        foreach (int count in needed) missing += count > 0 ? 1 : 0;
        Span<bool> seen = stackalloc bool[needed.Length];
        using var file = new FileStream(
            archive, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
        if (file.ReadByte() != 0x1F || file.ReadByte() != 0x8B)
            throw new InvalidDataException("Cifar10: expected a gzip archive, got another kind of file: " +
                $"\"{archive}\". {FileFormat.Sentence(archive)} Give {ArchiveName} as downloaded.");
        file.Position = 0;
        reader.Progress = progress is null ? null : () => progress.Report((double)file.Position / file.Length);
        try
        {
            using PackedStream gzip = PackedStream.Gzip(file);
            using var tar = new TarReader(gzip);
            while (missing > 0 && NextEntry(tar) is { } entry)
            {
                int batch = Array.IndexOf(s_batchNames, Path.GetFileName(entry.Name));
                if (batch < 0 || needed[batch] == 0 || seen[batch] || entry.DataStream is null) continue;
                CheckSize($"{archive}: {entry.Name}", entry.Length);
                reader.Read($"{archive}: {entry.Name}", entry.DataStream, batch, needed[batch]);
                seen[batch] = true;
                missing--;
            }

            // The checksum of the whole archive is at its end.
            reader.Skip(gzip);
        }
        catch (Exception failure)
            when (failure is EndOfStreamException || (failure is InvalidDataException && !IsOurs(failure)))
        {
            throw new InvalidDataException(
                $"Cifar10: the archive is truncated or damaged: \"{archive}\". It is {FileFormat.Of(archive)?.Name}. " +
                $"Download it again. ({failure.Message.TrimEnd('.')}.)", failure);
        }

        if (!seen.Contains(true) && FileFormat.Of(archive) is { } format && missing > 0)
            throw new InvalidDataException("Cifar10: expected the batch files of the binary version (such as " +
                $"{s_batchNames[0]}) in \"{archive}\", found none of them. It is {format.Name}. Give " +
                $"{ArchiveName} as downloaded.");
        for (int batch = 0; batch < needed.Length; batch++)
        {
            if (needed[batch] > 0 && !seen[batch]) throw MissingBatch(archive, s_batchNames[batch]);
        }

        progress?.Report(1);
    }

    /// <summary>
    /// The next entry. For a damaged header the platform's reader throws whatever its arithmetic throws, for example an
    /// overflow for a size of FF 7F.
    /// </summary>
    private static TarEntry? NextEntry(TarReader tar)
    {
        try
        {
            return tar.GetNextEntry();
        }
        catch (Exception failure) when (failure is not IOException)
        {
            throw new InvalidDataException($"a header in it is wrong: {failure.Message}", failure);
        }
    }

    private static bool IsOurs(Exception failure) => failure.Message.StartsWith("Cifar10:", StringComparison.Ordinal);

    private static FileNotFoundException MissingBatch(string where, string name) => new(
        $"Cifar10: expected the batch file {name} in \"{where}\", found none. "
        + $"The download is incomplete; get it again.",
        name);

    private static void CheckSize(string file, long length)
    {
        if (length != (long)RecordsPerBatch * RecordSize)
        {
            throw new InvalidDataException(
                $"Cifar10: expected {RecordsPerBatch} records of {RecordSize} bytes = {RecordsPerBatch * RecordSize} "
                + $"bytes, got {length} bytes in \"{file}\". " + (File.Exists(file) && FileFormat.Of(file) is { } format
                    ? $"It is {format.Name}. {format.Remedy}"
                    : "Is it the binary version of CIFAR-10 (not CIFAR-100, not the Python version)?"));
        }
    }

    /// <summary>Splits the records of a batch file into labels and images, one block of records at a time.</summary>
    private sealed class BatchReader(
        ReadOnlySpan<Part?> parts, ImageMean? mean, int meanCount, CancellationToken cancellationToken)
    {
        private const int BlockRecords = 64;
        private readonly Part?[] _parts = parts.ToArray();
        private readonly byte[] _block = new byte[BlockRecords * RecordSize];

        public Action? Progress { get; set; }

        public void Read(string file, Stream stream, int batch, int count)
        {
            for (int done = 0; done < count; done += BlockRecords)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int records = Math.Min(BlockRecords, count - done);
                int bytes = records * RecordSize,
                    got = stream.ReadAtLeast(_block.AsSpan(0, bytes), bytes, throwOnEndOfStream: false);
                if (got < bytes)
                {
                    throw new InvalidDataException($"Cifar10: the data ends inside record {done + got / RecordSize} of "
                        + $"\"{file}\": truncated. Download it again.");
                }

                for (int i = 0; i < records; i++)
                {
                    int label = _block[i * RecordSize], record = batch * RecordsPerBatch + done + i;
                    if (label >= ClassNames.Count)
                    {
                        throw new InvalidDataException(
                            $"Cifar10: expected labels from 0 to 9, got {label} in record {done + i} of \"{file}\".");
                    }

                    ReadOnlySpan<byte> image = _block.AsSpan(i * RecordSize + 1, ImageSize);
                    if (record < meanCount) mean?.Add(image);
                    foreach (Part? part in _parts) part?.Put(record, label, image);
                }

                if ((done / BlockRecords & 15) == 15) Progress?.Invoke();
            }
        }

        /// <summary>Reads the rest of a stream, so that its checksum is verified at the end.</summary>
        public void Skip(Stream stream)
        {
            while (stream.Read(_block) > 0) cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
