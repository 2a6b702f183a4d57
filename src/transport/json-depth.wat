;; How deep JSON nests, 64 bytes at a time.
;;
;; Each byte of a block becomes one bit of four masks: quotes, backslashes, opening and closing brackets. What lies inside
;; of strings is masked out, and the brackets that are left are counted; only a block that could pass the limit is
;; walked bracket by bracket. The text comes in pieces; the state between them is in the globals.
;;
;; The masks are made as simdjson does: G. Langdale, D. Lemire, "Parsing Gigabytes of JSON per Second", VLDB Journal 28, 2019.
(module
  (memory (export "memory") 1)
  (global $depth (mut i32) (i32.const 0))
  (global $maxDepth (mut i32) (i32.const 0))
  ;; All ones when the block before ended inside a string.
  (global $inString (mut i64) (i64.const 0))
  ;; 1 when the block before ended with a backslash that escapes the first byte of this one.
  (global $escaped (mut i64) (i64.const 0))

  (func (export "begin") (param $maxDepth i32)
    (global.set $maxDepth (local.get $maxDepth))
    (global.set $depth (i32.const 0))
    (global.set $inString (i64.const 0))
    (global.set $escaped (i64.const 0)))

  ;; One bit for each of the 64 bytes at $at that is $byte once $bits were set in it.
  (func $match (param $at i32) (param $byte v128) (param $bits v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $byte)
          (v128.or (local.get $bits) (v128.load (local.get $at))))))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $byte)
          (v128.or (local.get $bits) (v128.load offset=16 (local.get $at)))))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $byte)
          (v128.or (local.get $bits) (v128.load offset=32 (local.get $at)))))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $byte)
          (v128.or (local.get $bits) (v128.load offset=48 (local.get $at)))))) (i64.const 48)))))

  ;; The bytes that a backslash before them escapes. A run of backslashes escapes what follows it when its length is
  ;; odd: adding the runs that begin at an odd place to all backslashes carries a bit to where they end.
  (func $findEscaped (param $backslashes i64) (result i64)
    (local $follows i64)
    (local $oddStarts i64)
    (local $sum i64)
    (local.set $backslashes
      (i64.and (local.get $backslashes) (i64.xor (global.get $escaped) (i64.const -1))))
    (local.set $follows (i64.or (i64.shl (local.get $backslashes) (i64.const 1)) (global.get $escaped)))
    (local.set $oddStarts
      (i64.and
        (i64.and (local.get $backslashes) (i64.const 0xaaaaaaaaaaaaaaaa))
        (i64.xor (local.get $follows) (i64.const -1))))
    (local.set $sum (i64.add (local.get $oddStarts) (local.get $backslashes)))
    (global.set $escaped (i64.extend_i32_u (i64.lt_u (local.get $sum) (local.get $backslashes))))
    (i64.and
      (i64.xor (i64.const 0x5555555555555555) (i64.shl (local.get $sum) (i64.const 1)))
      (local.get $follows)))

  ;; Bit n is the exclusive or of the bits 0 to n: set from each opening quote up to its closing one.
  (func $prefixXor (param $bits i64) (result i64)
    (local.set $bits (i64.xor (local.get $bits) (i64.shl (local.get $bits) (i64.const 1))))
    (local.set $bits (i64.xor (local.get $bits) (i64.shl (local.get $bits) (i64.const 2))))
    (local.set $bits (i64.xor (local.get $bits) (i64.shl (local.get $bits) (i64.const 4))))
    (local.set $bits (i64.xor (local.get $bits) (i64.shl (local.get $bits) (i64.const 8))))
    (local.set $bits (i64.xor (local.get $bits) (i64.shl (local.get $bits) (i64.const 16))))
    (i64.xor (local.get $bits) (i64.shl (local.get $bits) (i64.const 32))))

  ;; Follows the brackets of one block in their order; whether one of them passes the limit.
  (func $walk (param $open i64) (param $close i64) (result i32)
    (local $rest i64)
    (local $lowest i64)
    (local.set $rest (i64.or (local.get $open) (local.get $close)))
    (loop $next
      (if (i64.eqz (local.get $rest)) (then (return (i32.const 0))))
      (local.set $lowest (i64.and (local.get $rest) (i64.sub (i64.const 0) (local.get $rest))))
      (local.set $rest (i64.xor (local.get $rest) (local.get $lowest)))
      (if (i64.eqz (i64.and (local.get $open) (local.get $lowest)))
        (then (global.set $depth (i32.sub (global.get $depth) (i32.const 1))))
        (else
          (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
          (if (i32.gt_s (global.get $depth) (global.get $maxDepth)) (then (return (i32.const 1))))))
      (br $next))
    (unreachable))

  ;; Reads on: $length bytes from 0, a multiple of 64. Whether the limit has been passed.
  (func (export "scan") (param $length i32) (result i32)
    (local $at i32)
    (local $backslashes i64)
    (local $quotes i64)
    (local $outside i64)
    (local $open i64)
    (local $close i64)
    (local $opened i32)
    (loop $block
      (if (i32.ge_u (local.get $at) (local.get $length)) (then (return (i32.const 0))))
      (local.set $quotes (call $match (local.get $at) (i8x16.splat (i32.const 0x22)) (v128.const i64x2 0 0)))
      (local.set $backslashes (call $match (local.get $at) (i8x16.splat (i32.const 0x5c)) (v128.const i64x2 0 0)))
      ;; [ and { differ in the bit 0x20 alone, and so do ] and }.
      (local.set $open (call $match (local.get $at) (i8x16.splat (i32.const 0x7b)) (i8x16.splat (i32.const 0x20))))
      (local.set $close (call $match (local.get $at) (i8x16.splat (i32.const 0x7d)) (i8x16.splat (i32.const 0x20))))
      (if (i32.eqz (i64.eqz (i64.or (local.get $backslashes) (global.get $escaped))))
        (then
          (local.set $quotes
            (i64.and (local.get $quotes)
              (i64.xor (call $findEscaped (local.get $backslashes)) (i64.const -1))))))
      (local.set $outside
        (i64.xor (i64.const -1) (i64.xor (call $prefixXor (local.get $quotes)) (global.get $inString))))
      (global.set $inString (i64.xor (i64.const -1) (i64.shr_s (local.get $outside) (i64.const 63))))
      (local.set $open (i64.and (local.get $open) (local.get $outside)))
      (local.set $close (i64.and (local.get $close) (local.get $outside)))
      (local.set $opened (i32.wrap_i64 (i64.popcnt (local.get $open))))
      (if (i32.gt_s (i32.add (global.get $depth) (local.get $opened)) (global.get $maxDepth))
        (then
          (if (call $walk (local.get $open) (local.get $close)) (then (return (i32.const 1)))))
        (else
          (global.set $depth
            (i32.sub
              (i32.add (global.get $depth) (local.get $opened))
              (i32.wrap_i64 (i64.popcnt (local.get $close)))))))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br $block))
    (unreachable)))
