using System.Buffers;
using Google.Protobuf;

namespace Evenkeel.Onnx.Format;

/// <summary>
/// Parses the bytes of a file. Large values of initializers are not copied: their messages look at the bytes of the
/// file, and the parser gets the rest.
/// </summary>
internal static class ModelReader
{
    /// <summary>Values of fewer bytes are parsed like everything else.</summary>
    private const int LeastAliased = 1024;

    /// <summary>
    /// Nodes, initializers and attributes that any file may have; beyond that, one per 8 bytes. An empty message is two
    /// bytes in the file and some hundred in memory.
    /// </summary>
    private const long FreeMessages = 10_000;

    // Fields, by the numbers in onnx.proto.
    private const int ModelGraph = 7, GraphNode = 1, GraphInitializer = 5, GraphSparse = 15, NodeAttribute = 5,
        AttributeTensor = 5, AttributeGraph = 6, SparseValues = 1, SparseIndices = 2;

    /// <summary>The wire type of a field that has a length.</summary>
    private const uint LengthDelimited = 2;

    /// <summary>The deepest graph in a graph, in messages; the parser takes fewer.</summary>
    private const int MostLevels = 200;

    /// <summary>Messages that are large in memory however few bytes they have, and what holds them.</summary>
    private enum Kind
    {
        Model,
        Graph,
        Step,
        Attribute,
        Tensor,
        Sparse,
    }

    /// <summary>Parses a model.</summary>
    /// <param name="file">The content of the file. It is not changed, and must not be.</param>
    /// <exception cref="InvalidDataException">The bytes are no message of this kind.</exception>
    public static ModelProto Read(ReadOnlyMemory<byte> file)
    {
        var scan = new Scan(file);
        scan.Count(file.Span, Kind.Model, depth: 0);
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(scan.Lean().Span);
        }
        catch (InvalidProtocolBufferException damaged)
        {
            throw new InvalidDataException(damaged.Message, damaged);
        }

        scan.Alias(model);
        return model;
    }

    /// <summary>A field that has a length: its number, where it begins, and where its content does.</summary>
    private readonly record struct Field(int Number, int Start, int Content);

    /// <summary>A value that was left out of what the parser gets.</summary>
    private readonly record struct Aliased(int Initializer, int Field, ReadOnlyMemory<byte> Bytes);

    private sealed class Scan(ReadOnlyMemory<byte> file)
    {
        private readonly List<Aliased> _aliased = [];
        private readonly long _mostMessages = FreeMessages + (file.Length / 8);
        private long _messages;
        private int _initializers;

        /// <summary>The message without the large values.</summary>
        public ReadOnlyMemory<byte> Lean()
        {
            var lean = new ArrayBufferWriter<byte>();
            Copy(file, Kind.Model, lean);
            return lean.WrittenMemory;
        }

        /// <summary>Puts the large values into the messages they belong to.</summary>
        public void Alias(ModelProto model)
        {
            foreach ((int index, int field, ReadOnlyMemory<byte> value) in _aliased)
            {
                TensorProto tensor = model.Graph.Initializer[index];
                ByteString bytes = UnsafeByteOperations.UnsafeWrap(value);
                switch (field)
                {
                    case TensorProto.FloatDataFieldNumber: tensor.FloatData = bytes; break;
                    case TensorProto.Int32DataFieldNumber: tensor.Int32Data = bytes; break;
                    case TensorProto.Int64DataFieldNumber: tensor.Int64Data = bytes; break;
                    case TensorProto.DoubleDataFieldNumber: tensor.DoubleData = bytes; break;
                    case TensorProto.Uint64DataFieldNumber: tensor.Uint64Data = bytes; break;
                    default: tensor.RawData = bytes; break;
                }
            }
        }

        /// <summary>Counts the messages at all levels.</summary>
        /// <param name="message">A message.</param>
        /// <param name="kind">Its kind.</param>
        /// <param name="depth">The messages around it.</param>
        /// <exception cref="InvalidDataException">There are too many, or too deep ones.</exception>
        public void Count(ReadOnlySpan<byte> message, Kind kind, int depth)
        {
            if (depth > MostLevels) throw new InvalidDataException($"messages in more than {MostLevels} messages");
            int position = 0;
            while (TryNext(message, ref position, out Field field))
            {
                if (Inside(kind, field.Number) is not { } inner) continue;
                if (++_messages > _mostMessages)
                {
                    throw new InvalidDataException(
                        $"more than {_mostMessages} nodes, attributes and initializers in {file.Length} bytes; it was "
                        + "made to fill the memory");
                }

                if (inner != Kind.Tensor) Count(message[field.Content..position], inner, depth + 1);
            }
        }

        private static Kind? Inside(Kind kind, int field) => (kind, field) switch
        {
            (Kind.Model, ModelGraph) or (Kind.Attribute, AttributeGraph) => Kind.Graph,
            (Kind.Graph, GraphNode) => Kind.Step,
            (Kind.Graph, GraphSparse) => Kind.Sparse,
            (Kind.Step, NodeAttribute) => Kind.Attribute,
            (Kind.Graph, GraphInitializer) or (Kind.Attribute, AttributeTensor)
                or (Kind.Sparse, SparseValues or SparseIndices) => Kind.Tensor,
            _ => null,
        };

        /// <summary>Copies a message without the large values of the initializers in it.</summary>
        private void Copy(ReadOnlyMemory<byte> message, Kind kind, ArrayBufferWriter<byte> to)
        {
            ReadOnlySpan<byte> span = message.Span;
            int position = 0;
            // Fields that are copied as they are, up to here.
            int kept = 0;
            while (TryNext(span, ref position, out Field field))
            {
                ReadOnlyMemory<byte> content = message[field.Content..position];
                if (kind == Kind.Tensor)
                {
                    if (content.Length < LeastAliased || !IsBulk(field.Number)) continue;
                    to.Write(span[kept..field.Start]);
                    _aliased.Add(new Aliased(_initializers, field.Number, content));
                }
                else if (Inside(kind, field.Number) is { } inner && HoldsInitializers(kind, inner))
                {
                    to.Write(span[kept..field.Start]);
                    var part = new ArrayBufferWriter<byte>(Math.Max(16, Math.Min(content.Length, 256)));
                    Copy(content, inner, part);
                    if (inner == Kind.Tensor) _initializers++;
                    WriteVarint(to, ((ulong)field.Number << 3) | LengthDelimited);
                    WriteVarint(to, (ulong)part.WrittenCount);
                    to.Write(part.WrittenSpan);
                }
                else
                {
                    continue;
                }

                kept = position;
            }

            to.Write(span[kept..]);
        }

        /// <summary>The graph of the model, and the initializers of that graph.</summary>
        private static bool HoldsInitializers(Kind kind, Kind inner) =>
            (kind, inner) is (Kind.Model, Kind.Graph) or (Kind.Graph, Kind.Tensor);

        /// <summary>The next field that has a length; those of numbers are passed over.</summary>
        /// <param name="message">The message.</param>
        /// <param name="position">Where to look; afterwards the end of the field.</param>
        /// <param name="field">The field.</param>
        /// <returns>False at the end, and at a group: those are older than ONNX, and the parser refuses them.</returns>
        private static bool TryNext(ReadOnlySpan<byte> message, ref int position, out Field field)
        {
            while (position < message.Length)
            {
                int start = position;
                ulong tag = Varint(message, ref position);
                switch (tag & 7)
                {
                    case 0: Varint(message, ref position); continue;
                    case 1: Skip(message, ref position, 8); continue;
                    case 5: Skip(message, ref position, 4); continue;
                    case LengthDelimited: break;
                    default: field = default; return false;
                }

                ulong length = Varint(message, ref position);
                int content = position;
                Skip(message, ref position, length);
                field = new Field((int)Math.Min(tag >> 3, int.MaxValue), start, content);
                return true;
            }

            field = default;
            return false;
        }

        private static bool IsBulk(int field) => field is TensorProto.RawDataFieldNumber
            or TensorProto.FloatDataFieldNumber or TensorProto.DoubleDataFieldNumber
            or TensorProto.Int32DataFieldNumber or TensorProto.Int64DataFieldNumber
            or TensorProto.Uint64DataFieldNumber;

        private static ulong Varint(ReadOnlySpan<byte> span, ref int position)
        {
            ulong value = 0;
            for (int shift = 0; shift < 70; shift += 7)
            {
                if (position >= span.Length) throw Truncated();
                byte b = span[position++];
                value |= (ulong)(b & 0x7F) << shift;
                if (b < 0x80) return value;
            }

            throw new InvalidDataException("a number of more than ten bytes");
        }

        private static void WriteVarint(ArrayBufferWriter<byte> to, ulong value)
        {
            Span<byte> bytes = to.GetSpan(10);
            int n = 0;
            for (; value >= 0x80; value >>= 7) bytes[n++] = (byte)(value | 0x80);
            bytes[n++] = (byte)value;
            to.Advance(n);
        }

        private static void Skip(ReadOnlySpan<byte> span, ref int position, ulong count)
        {
            if (count > (ulong)(span.Length - position)) throw Truncated();
            position += (int)count;
        }

        private static InvalidDataException Truncated() => new("it ends in the middle of a value");
    }
}
