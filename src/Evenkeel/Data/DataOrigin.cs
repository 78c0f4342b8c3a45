using System.Security.Cryptography;

namespace Evenkeel.Data;

/// <summary>
/// The published data set that files belong to. Several sets have files of the same names (MNIST, Fashion-MNIST and
/// KMNIST), so only the published checksums identify the set.
/// </summary>
/// <param name="Title">The set that the checksums prove, otherwise the one that the names of the files claim.</param>
/// <param name="IsVerified">Whether every file has the published checksum.</param>
public sealed record DataOrigin(string Title, bool IsVerified)
{
    /// <summary>The names of the classes of the verified set; null if only the reader knows them.</summary>
    internal IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary><c>Fashion-MNIST</c>, or <c>Fashion-MNIST (unverified)</c>.</summary>
    public override string ToString() => IsVerified ? Title : $"{Title} (unverified)";

    /// <summary>A part of the set: <c>Fashion-MNIST test (unverified)</c>.</summary>
    internal string Part(string name) => $"{Title} {name}{(IsVerified ? "" : " (unverified)")}";

    /// <summary>
    /// Finds the set that the files belong to. Their sizes are compared first, so only files that may belong to a known
    /// set are read. Files that cannot be read prove nothing.
    /// </summary>
    /// <param name="claimed">The set that the names of the files claim.</param>
    /// <param name="files">
    /// The files that are read for it. The name of each, without <c>.gz</c>, says which part it is.
    /// </param>
    internal static DataOrigin Of(string claimed, IReadOnlyList<string> files)
    {
        try
        {
            foreach (KnownSet set in KnownSet.All)
            {
                if (!set.Holds(files)) continue;
                return new DataOrigin(set.Title, IsVerified: true) { ClassNames = set.ClassNames };
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The reader of the whole file reports what is wrong with it.
        }

        return new DataOrigin(claimed, IsVerified: false);
    }

    /// <summary>A published set and the checksums of its files, packed and unpacked.</summary>
    private sealed record KnownSet(string Title, IReadOnlyList<string>? ClassNames, IReadOnlyList<KnownPart> Parts)
    {
        /// <summary>
        /// Sources of the checksums: the catalog; for MNIST (LeCun, Cortes, Burges) and KMNIST (Clanuwat et al.), those
        /// that torchvision checks; for unpacked files, those that several programs publish.
        /// </summary>
        public static IReadOnlyList<KnownSet> All { get; } =
        [
            new("Fashion-MNIST", FashionMnist.ClassNames, Idx(
                [.. OfCatalog("fashion-mnist")],
                [
                    "f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9",
                    "8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965",
                ])),
            new("MNIST", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], Idx(
                [
                    (9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"), (28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
                    (1_648_877, "9fb629c4189551a2d022fa330f9573f3"), (4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
                ],
                [
                    "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624",
                    "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637",
                ])),
            new("KMNIST", ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"], Idx(
                [
                    (null, "bdb82020997e1d708af4cf47b453dcf7"), (null, "e144d726b3acfaa3e44228e80efcd344"),
                    (null, "5c965bf0a639b31b8f53240b1b52f4d7"), (null, "7320c461ea6c1c855c0b718fb2a4b134"),
                ],
                [])),
            new("CIFAR-10", Cifar10.ClassNames, [new KnownPart(null, [.. OfCatalog("cifar-10")])]),
            Archive("CIFAR-10 (Python version)", 170_498_071, "c58f30108f718f92721af3b95e74349a"),
            Archive("CIFAR-100", 168_513_733, "03b5dce01913d631647c71ecec9e9cb8"),
            Archive("CIFAR-100 (Python version)", 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85"),
            new("CIFAR-10", Cifar10.ClassNames,
            [
                Batch("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
                Batch("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
                Batch("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
                Batch("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
                Batch("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
                Batch("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
            ]),
        ];

        /// <summary>
        /// Whether all files belong to this set. Sizes are compared first, then checksums, those of small files before
        /// those of large ones.
        /// </summary>
        public bool Holds(IReadOnlyList<string> files)
        {
            if (files.Count != Parts.Count) return false;
            var pairs = new List<(KnownPart Part, FileInfo File)>();
            foreach (string file in files)
            {
                string name = Path.GetFileName(file);
                bool isPacked = name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
                if (isPacked && Parts[0].Name is not null) name = name[..^3];
                if (Parts.FirstOrDefault(part => part.Name is null || part.Name == name) is not { } part) return false;
                var info = new FileInfo(file);
                if (!part.MayBe(info.Length)) return false;
                pairs.Add((part, info));
            }

            return pairs.Select(static pair => pair.Part).Distinct().Count() == Parts.Count
                && pairs.OrderBy(static pair => pair.File.Length).All(static pair => pair.Part.Is(pair.File));
        }

        private static IEnumerable<(long? Bytes, string Md5)> OfCatalog(string name) =>
            DataCatalog.EntryOf(name)!.Files.Select(static file => ((long?)file.Bytes, file.Md5));

        private static KnownPart[] Idx((long? Bytes, string Md5)[] packed, string[] plain)
        {
            long[] sizes = [47_040_016, 60_008, 7_840_016, 10_008];
            return [.. FashionMnist.FileNames.Select((name, i) => new KnownPart(
                name, plain.Length == 0 ? [packed[i]] : [packed[i], (sizes[i], plain[i])]))];
        }

        /// <summary>An archive may have any name.</summary>
        private static KnownSet Archive(string title, long bytes, string md5) =>
            new(title, null, [new KnownPart(null, [(bytes, md5)])]);

        private static KnownPart Batch(string name, string md5) =>
            new(name, [(Cifar10.RecordsPerBatch * Cifar10.RecordSize, md5)]);
    }

    /// <summary>A file of a set: its name, and the sizes and checksums published with it.</summary>
    private sealed record KnownPart(string? Name, IReadOnlyList<(long? Bytes, string Md5)> Forms)
    {
        public bool MayBe(long bytes) => Forms.Any(form => form.Bytes is null || form.Bytes == bytes);

        public bool Is(FileInfo file)
        {
            using var stream = new FileStream(
                file.FullName, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1,
                FileOptions.SequentialScan);
            // MD5 is what is published, as in Download.
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
            var buffer = new byte[1 << 18];
            for (int got; (got = stream.Read(buffer)) > 0;) hash.AppendData(buffer.AsSpan(0, got));
            string md5 = Convert.ToHexStringLower(hash.GetHashAndReset());
            return Forms.Any(form => form.Md5 == md5);
        }
    }
}
