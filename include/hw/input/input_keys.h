/*
 * Keys: QMP's names (QKeyCode) in QMP's order, and what a keyboard sends for them.
 *
 * Source: QEMU QMP reference ("QKeyCode"); IBM Personal System/2 keyboard reference (scan code sets 1 and 3);
 * Microsoft, "Keyboard scan code specification" (multimedia keys).
 *
 * KEY(name, QMP name, set 1 make code, set 3 make code). 0xe0 in the upper byte is the prefix; set 2 follows
 * from set 1 by the keyboard controller's translation. 0: the set has no code for the key.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_INPUT_KEYS_H
#define HW_INPUT_INPUT_KEYS_H

/* clang-format off */
#define INPUT_KEYS(KEY) \
    KEY(UNMAPPED, "unmapped", 0x00, 0x00)                  \
    KEY(SHIFT, "shift", 0x2a, 0x12)                        \
    KEY(SHIFT_R, "shift_r", 0x36, 0x59)                    \
    KEY(ALT, "alt", 0x38, 0x19)                            \
    KEY(ALT_R, "alt_r", 0xe038, 0x39)                      \
    KEY(CTRL, "ctrl", 0x1d, 0x11)                          \
    KEY(CTRL_R, "ctrl_r", 0xe01d, 0x58)                    \
    KEY(MENU, "menu", 0xe05d, 0x8d)                        \
    KEY(ESC, "esc", 0x01, 0x08)                            \
    KEY(1, "1", 0x02, 0x16)                                \
    KEY(2, "2", 0x03, 0x1e)                                \
    KEY(3, "3", 0x04, 0x26)                                \
    KEY(4, "4", 0x05, 0x25)                                \
    KEY(5, "5", 0x06, 0x2e)                                \
    KEY(6, "6", 0x07, 0x36)                                \
    KEY(7, "7", 0x08, 0x3d)                                \
    KEY(8, "8", 0x09, 0x3e)                                \
    KEY(9, "9", 0x0a, 0x46)                                \
    KEY(0, "0", 0x0b, 0x45)                                \
    KEY(MINUS, "minus", 0x0c, 0x4e)                        \
    KEY(EQUAL, "equal", 0x0d, 0x55)                        \
    KEY(BACKSPACE, "backspace", 0x0e, 0x66)                \
    KEY(TAB, "tab", 0x0f, 0x0d)                            \
    KEY(Q, "q", 0x10, 0x15)                                \
    KEY(W, "w", 0x11, 0x1d)                                \
    KEY(E, "e", 0x12, 0x24)                                \
    KEY(R, "r", 0x13, 0x2d)                                \
    KEY(T, "t", 0x14, 0x2c)                                \
    KEY(Y, "y", 0x15, 0x35)                                \
    KEY(U, "u", 0x16, 0x3c)                                \
    KEY(I, "i", 0x17, 0x43)                                \
    KEY(O, "o", 0x18, 0x44)                                \
    KEY(P, "p", 0x19, 0x4d)                                \
    KEY(BRACKET_LEFT, "bracket_left", 0x1a, 0x54)          \
    KEY(BRACKET_RIGHT, "bracket_right", 0x1b, 0x5b)        \
    KEY(RET, "ret", 0x1c, 0x5a)                            \
    KEY(A, "a", 0x1e, 0x1c)                                \
    KEY(S, "s", 0x1f, 0x1b)                                \
    KEY(D, "d", 0x20, 0x23)                                \
    KEY(F, "f", 0x21, 0x2b)                                \
    KEY(G, "g", 0x22, 0x34)                                \
    KEY(H, "h", 0x23, 0x33)                                \
    KEY(J, "j", 0x24, 0x3b)                                \
    KEY(K, "k", 0x25, 0x42)                                \
    KEY(L, "l", 0x26, 0x4b)                                \
    KEY(SEMICOLON, "semicolon", 0x27, 0x4c)                \
    KEY(APOSTROPHE, "apostrophe", 0x28, 0x52)              \
    KEY(GRAVE_ACCENT, "grave_accent", 0x29, 0x0e)          \
    KEY(BACKSLASH, "backslash", 0x2b, 0x5c)                \
    KEY(Z, "z", 0x2c, 0x1a)                                \
    KEY(X, "x", 0x2d, 0x22)                                \
    KEY(C, "c", 0x2e, 0x21)                                \
    KEY(V, "v", 0x2f, 0x2a)                                \
    KEY(B, "b", 0x30, 0x32)                                \
    KEY(N, "n", 0x31, 0x31)                                \
    KEY(M, "m", 0x32, 0x3a)                                \
    KEY(COMMA, "comma", 0x33, 0x41)                        \
    KEY(DOT, "dot", 0x34, 0x49)                            \
    KEY(SLASH, "slash", 0x35, 0x4a)                        \
    KEY(ASTERISK, "asterisk", 0x37, 0x7e)                  \
    KEY(SPC, "spc", 0x39, 0x29)                            \
    KEY(CAPS_LOCK, "caps_lock", 0x3a, 0x14)                \
    KEY(F1, "f1", 0x3b, 0x07)                              \
    KEY(F2, "f2", 0x3c, 0x0f)                              \
    KEY(F3, "f3", 0x3d, 0x17)                              \
    KEY(F4, "f4", 0x3e, 0x1f)                              \
    KEY(F5, "f5", 0x3f, 0x27)                              \
    KEY(F6, "f6", 0x40, 0x2f)                              \
    KEY(F7, "f7", 0x41, 0x37)                              \
    KEY(F8, "f8", 0x42, 0x3f)                              \
    KEY(F9, "f9", 0x43, 0x47)                              \
    KEY(F10, "f10", 0x44, 0x4f)                            \
    KEY(NUM_LOCK, "num_lock", 0x45, 0x76)                  \
    KEY(SCROLL_LOCK, "scroll_lock", 0x46, 0x5f)            \
    KEY(KP_DIVIDE, "kp_divide", 0xe035, 0x77)              \
    KEY(KP_MULTIPLY, "kp_multiply", 0x37, 0x7e)            \
    KEY(KP_SUBTRACT, "kp_subtract", 0x4a, 0x84)            \
    KEY(KP_ADD, "kp_add", 0x4e, 0x7c)                      \
    KEY(KP_ENTER, "kp_enter", 0xe01c, 0x79)                \
    KEY(KP_DECIMAL, "kp_decimal", 0x53, 0x71)              \
    KEY(SYSRQ, "sysrq", 0x54, 0x57)                        \
    KEY(KP_0, "kp_0", 0x52, 0x70)                          \
    KEY(KP_1, "kp_1", 0x4f, 0x69)                          \
    KEY(KP_2, "kp_2", 0x50, 0x72)                          \
    KEY(KP_3, "kp_3", 0x51, 0x7a)                          \
    KEY(KP_4, "kp_4", 0x4b, 0x6b)                          \
    KEY(KP_5, "kp_5", 0x4c, 0x73)                          \
    KEY(KP_6, "kp_6", 0x4d, 0x74)                          \
    KEY(KP_7, "kp_7", 0x47, 0x6c)                          \
    KEY(KP_8, "kp_8", 0x48, 0x75)                          \
    KEY(KP_9, "kp_9", 0x49, 0x7d)                          \
    KEY(LESS, "less", 0x56, 0x13)                          \
    KEY(F11, "f11", 0x57, 0x56)                            \
    KEY(F12, "f12", 0x58, 0x5e)                            \
    KEY(PRINT, "print", 0xe037, 0x57)                      \
    KEY(HOME, "home", 0xe047, 0x6e)                        \
    KEY(PGUP, "pgup", 0xe049, 0x6f)                        \
    KEY(PGDN, "pgdn", 0xe051, 0x6d)                        \
    KEY(END, "end", 0xe04f, 0x65)                          \
    KEY(LEFT, "left", 0xe04b, 0x61)                        \
    KEY(UP, "up", 0xe048, 0x63)                            \
    KEY(DOWN, "down", 0xe050, 0x60)                        \
    KEY(RIGHT, "right", 0xe04d, 0x6a)                      \
    KEY(INSERT, "insert", 0xe052, 0x67)                    \
    KEY(DELETE, "delete", 0xe053, 0x64)                    \
    KEY(STOP, "stop", 0xe068, 0x00)                        \
    KEY(AGAIN, "again", 0xe005, 0x00)                      \
    KEY(PROPS, "props", 0xe006, 0x00)                      \
    KEY(UNDO, "undo", 0xe007, 0x00)                        \
    KEY(FRONT, "front", 0xe00c, 0x00)                      \
    KEY(COPY, "copy", 0xe078, 0x00)                        \
    KEY(OPEN, "open", 0x64, 0x00)                          \
    KEY(PASTE, "paste", 0x65, 0x00)                        \
    KEY(FIND, "find", 0xe041, 0x00)                        \
    KEY(CUT, "cut", 0xe03c, 0x00)                          \
    KEY(LF, "lf", 0x5b, 0x00)                              \
    KEY(HELP, "help", 0xe075, 0x00)                        \
    KEY(META_L, "meta_l", 0xe05b, 0x8b)                    \
    KEY(META_R, "meta_r", 0xe05c, 0x8c)                    \
    KEY(COMPOSE, "compose", 0xe05d, 0x8d)                  \
    KEY(PAUSE, "pause", 0xe046, 0x62)                      \
    KEY(RO, "ro", 0x73, 0x00)                              \
    KEY(HIRAGANA, "hiragana", 0x77, 0x00)                  \
    KEY(HENKAN, "henkan", 0x79, 0x00)                      \
    KEY(YEN, "yen", 0x7d, 0x00)                            \
    KEY(MUHENKAN, "muhenkan", 0x7b, 0x00)                  \
    KEY(KATAKANAHIRAGANA, "katakanahiragana", 0x70, 0x00)  \
    KEY(KP_COMMA, "kp_comma", 0x7e, 0x00)                  \
    KEY(KP_EQUALS, "kp_equals", 0x59, 0x00)                \
    KEY(POWER, "power", 0xe05e, 0x00)                      \
    KEY(SLEEP, "sleep", 0xe05f, 0x00)                      \
    KEY(WAKE, "wake", 0xe063, 0x00)                        \
    KEY(AUDIONEXT, "audionext", 0xe019, 0x00)              \
    KEY(AUDIOPREV, "audioprev", 0xe010, 0x00)              \
    KEY(AUDIOSTOP, "audiostop", 0xe024, 0x00)              \
    KEY(AUDIOPLAY, "audioplay", 0xe022, 0x00)              \
    KEY(AUDIOMUTE, "audiomute", 0xe020, 0x00)              \
    KEY(VOLUMEUP, "volumeup", 0xe030, 0x00)                \
    KEY(VOLUMEDOWN, "volumedown", 0xe02e, 0x00)            \
    KEY(MEDIASELECT, "mediaselect", 0xe06d, 0x00)          \
    KEY(MAIL, "mail", 0xe06c, 0x00)                        \
    KEY(CALCULATOR, "calculator", 0xe021, 0x00)            \
    KEY(COMPUTER, "computer", 0xe06b, 0x00)                \
    KEY(AC_HOME, "ac_home", 0xe032, 0x00)                  \
    KEY(AC_BACK, "ac_back", 0xe06a, 0x00)                  \
    KEY(AC_FORWARD, "ac_forward", 0xe069, 0x00)            \
    KEY(AC_REFRESH, "ac_refresh", 0xe067, 0x00)            \
    KEY(AC_BOOKMARKS, "ac_bookmarks", 0xe066, 0x00)        \
    KEY(LANG1, "lang1", 0x72, 0x00)                        \
    KEY(LANG2, "lang2", 0x71, 0x00)                        \
    KEY(F13, "f13", 0x5d, 0x00)                            \
    KEY(F14, "f14", 0x5e, 0x00)                            \
    KEY(F15, "f15", 0x5f, 0x00)                            \
    KEY(F16, "f16", 0x55, 0x00)                            \
    KEY(F17, "f17", 0xe003, 0x00)                          \
    KEY(F18, "f18", 0xe077, 0x00)                          \
    KEY(F19, "f19", 0xe004, 0x00)                          \
    KEY(F20, "f20", 0x5a, 0x00)                            \
    KEY(F21, "f21", 0x74, 0x00)                            \
    KEY(F22, "f22", 0xe079, 0x00)                          \
    KEY(F23, "f23", 0x6d, 0x00)                            \
    KEY(F24, "f24", 0x6f, 0x00)
/* clang-format on */

typedef enum {
#define KEY(name, text, set1, set3) INPUT_KEY_##name,
    INPUT_KEYS(KEY)
#undef KEY
    INPUT_KEY_COUNT
} InputKey;

#endif
